// The schema as the server tells it, and operations made from it.

export const INTROSPECTION = `query Explorer {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name description
      fields(includeDeprecated: true) {
        name description isDeprecated deprecationReason type { ...Kind }
        args { name description defaultValue type { ...Kind } }
      }
      inputFields { name description defaultValue type { ...Kind } }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { name }
      interfaces { name }
    }
  }
}
fragment Kind on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }`;

export function typeName(type) {
  return type.ofType ? typeName(type.ofType) : type.name;
}

export function typeText(type) {
  if (type.kind === 'NON_NULL') return `${typeText(type.ofType)}!`;
  return type.kind === 'LIST' ? `[${typeText(type.ofType)}]` : type.name;
}

export class Schema {
  constructor(told) {
    this.types = new Map(told.types.filter((type) => !type.name.startsWith('__')).map((type) => [type.name, type]));
    const root = (type) => type && this.types.get(type.name);
    this.roots = { query: root(told.queryType), mutation: root(told.mutationType), subscription: root(told.subscriptionType) };
  }

  // The operation keyword of a root type, or undefined.
  keyword(type) {
    return Object.keys(this.roots).find((keyword) => this.roots[keyword] === type);
  }

  // Fields and types whose name has the text, at most `most`.
  find(text, most = 60) {
    const wanted = text.toLowerCase();
    const found = [];
    for (const type of this.types.values()) {
      if (type.name.toLowerCase().includes(wanted)) found.push({ type });
      for (const field of type.fields ?? type.inputFields ?? []) {
        if (field.name.toLowerCase().includes(wanted)) found.push({ type, field });
      }
    }
    const rank = ({ type, field }) => ((field ?? type).name.toLowerCase().startsWith(wanted) ? 0 : 1);
    return found.sort((a, b) => rank(a) - rank(b)).slice(0, most);
  }

  // {query, variables} that asks a root field for what it has at hand.
  operation(keyword, field) {
    const args = field.args.filter((arg) => this.#wanted(arg));
    const variables = Object.fromEntries(args.map((arg) => [arg.name, this.#example(arg.type, 0)]));
    const defined = args.map((arg) => `$${arg.name}: ${typeText(arg.type)}`).join(', ');
    const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
    const title = field.name[0].toUpperCase() + field.name.slice(1);
    const call = field.name + (passed ? `(${passed})` : '');
    const lines = [`${keyword} ${title}${defined ? `(${defined})` : ''} {`, ...this.#selected(call, field.type, 1, 3), '}'];
    return { query: `${lines.join('\n')}\n`, variables: JSON.stringify(variables, null, 2) };
  }

  #wanted(arg) {
    return arg.type.kind === 'NON_NULL' || ['first', 'id', 'name', 'project', 'after'].includes(arg.name);
  }

  #selected(call, type, level, depth) {
    const indent = '  '.repeat(level);
    const named = this.types.get(typeName(type));
    const fields = named?.fields ?? [];
    if (!named || (!fields.length && named.kind !== 'UNION')) return [indent + call];
    const leaf = (field) => this.#isLeaf(field.type) && !field.args.length && !field.isDeprecated;
    const told = (field) => level === 1 || named.name !== 'Event' || ['eventType', 'sequence', 'traceId'].includes(field.name);
    const plain = fields.filter((field) => leaf(field) && told(field));
    const lines = plain.map((field) => `${indent}  ${field.name}`);
    if (depth > 1) {
      const ahead = ['nodes', 'errors', 'events', 'pageInfo'];
      const more = fields.filter((field) => !this.#isLeaf(field.type) && (ahead.includes(field.name) || level === 1 && named.name.endsWith('Payload')));
      more.sort((a, b) => ahead.indexOf(a.name) - ahead.indexOf(b.name));
      for (const field of more) lines.push(...this.#selected(field.name, field.type, level + 1, depth - 1));
    }
    return [`${indent}${call} {`, ...(lines.length ? lines : [`${indent}  __typename`]), `${indent}}`];
  }

  #isLeaf(type) {
    return ['SCALAR', 'ENUM'].includes(this.types.get(typeName(type))?.kind ?? 'SCALAR');
  }

  #example(type, depth) {
    if (type.kind !== 'NON_NULL') return null;
    const inner = type.ofType;
    if (inner.kind === 'LIST') return [];
    const named = this.types.get(inner.name);
    if (named?.enumValues) return named.enumValues[0].name;
    if (named?.inputFields && depth < 3) {
      const needed = named.inputFields.filter((field) => field.type.kind === 'NON_NULL' && field.defaultValue === null);
      return Object.fromEntries(needed.map((field) => [field.name, this.#example(field.type, depth + 1)]));
    }
    return { Int: 0, Float: 0, Boolean: false }[inner.name] ?? '';
  }
}

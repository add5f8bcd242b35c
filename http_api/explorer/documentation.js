// The schema's pages: roots, types, fields; a root field can be taken over as an operation.

import { typeName, typeText } from './schema.js';

const KINDS = { OBJECT: 'type', INPUT_OBJECT: 'input', ENUM: 'enum', SCALAR: 'scalar', INTERFACE: 'interface', UNION: 'union' };

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export class Documentation {
  #schema = null;
  #trail = [];

  constructor({ page, trail, search, use }) {
    this.page = page;
    this.trail = trail;
    this.search = search;
    this.use = use;
    search.addEventListener('input', () => this.#searched());
  }

  show(schema) {
    this.#schema = schema;
    this.#trail = [];
    this.#roots();
  }

  tell(message) {
    this.page.replaceChildren(element('p', { textContent: message }));
  }

  #roots() {
    const list = element('dl');
    for (const [keyword, type] of Object.entries(this.#schema.roots)) {
      if (type) list.append(element('dt', {}, `${keyword}: `, this.#link(type.name)), element('dd', { textContent: type.description ?? '' }));
    }
    this.page.replaceChildren(element('h2', { textContent: 'Schema' }), list);
    this.#showTrail();
  }

  #open(name) {
    const type = this.#schema.types.get(name);
    if (!type) return;
    this.search.value = '';
    this.#trail = [...this.#trail.filter((one) => one !== name), name].slice(-5);
    const rows = [...(type.fields ?? []), ...(type.inputFields ?? []), ...(type.enumValues ?? [])];
    const others = [...(type.possibleTypes ?? []), ...(type.interfaces ?? [])];
    this.page.replaceChildren(
      element('h2', { textContent: `${KINDS[type.kind]} ${name}` }),
      element('p', { textContent: type.description ?? '' }),
      element('p', {}, ...others.flatMap((one) => [this.#link(one.name), ' '])),
      element('dl', {}, ...rows.flatMap((row) => this.#row(type, row))),
    );
    this.page.scrollTop = 0;
    this.#showTrail();
  }

  #row(type, row) {
    const keyword = this.#schema.keyword(type);
    const name = element('span', { textContent: row.name, className: row.isDeprecated ? 'old' : '' });
    const args = (row.args ?? []).flatMap((arg, index) => [index ? ', ' : '', `${arg.name}: `, this.#link(typeName(arg.type), typeText(arg.type))]);
    const line = element('dt', {}, name, ...(args.length ? ['(', ...args, ')'] : []));
    if (row.type) line.append(': ', this.#link(typeName(row.type), typeText(row.type)));
    if (row.defaultValue) line.append(` = ${row.defaultValue}`);
    if (keyword) {
      const take = element('button', { type: 'button', className: 'use', textContent: 'use', title: `Write ${row.name} as an operation` });
      take.addEventListener('click', () => this.use(this.#schema.operation(keyword, row)));
      line.append(take);
    }
    const reason = row.isDeprecated ? ` Deprecated: ${row.deprecationReason}` : '';
    return [line, element('dd', { textContent: (row.description ?? '') + reason })];
  }

  #searched() {
    const text = this.search.value.trim();
    if (!this.#schema) return;
    if (!text) {
      this.#roots();
      return;
    }
    const rows = this.#schema.find(text).flatMap(({ type, field }) => [
      element('dt', {}, this.#link(type.name), field ? `.${field.name}` : ''),
      element('dd', { textContent: (field ?? type).description ?? '' }),
    ]);
    this.page.replaceChildren(element('dl', {}, ...rows));
  }

  #link(name, text = name) {
    if (!this.#schema.types.has(name)) return document.createTextNode(text);
    const link = element('button', { type: 'button', className: 'link', textContent: text });
    link.addEventListener('click', () => this.#open(name));
    return link;
  }

  #showTrail() {
    const home = element('button', { type: 'button', className: 'link', textContent: 'Schema' });
    home.addEventListener('click', () => this.show(this.#schema));
    this.trail.replaceChildren(home, ...this.#trail.flatMap((name) => ['›', this.#link(name)]));
  }
}

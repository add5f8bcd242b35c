// The page: editors, the answer, the history of this visit.

import { logout, run } from './client.js';
import { Documentation } from './documentation.js';
import { INTROSPECTION, Schema } from './schema.js';

const at = (id) => document.getElementById(id);
const [query, variables, token, answer, status, caller, operation, history, runButton] = [
  'query', 'variables', 'token', 'answer', 'status', 'caller', 'operation', 'history', 'run',
].map(at);
const FIRST = `query Viewer {
  viewer {
    identity { id name kind }
    tenant { id name }
    scopes
  }
}
`;
const KEPT = 50; // runs in the history, and events of a subscription on the page
const runs = [];
let underWay = null;

const documentation = new Documentation({
  page: at('page'),
  trail: at('trail'),
  search: at('search'),
  use: (made) => write(made.query, made.variables),
});

function write(text, values) {
  query.value = text;
  variables.value = values;
  nameOperations();
  query.focus();
}

function nameOperations() {
  const names = [...query.value.matchAll(/^\s*(?:query|mutation|subscription)\s+([_A-Za-z]\w*)/gm)].map((found) => found[1]);
  const chosen = operation.value;
  operation.replaceChildren(...(names.length ? names : ['']).map((name) => new Option(name || 'the only one', name)));
  if (names.includes(chosen)) operation.value = chosen;
}

function tell(text, bad = false) {
  status.textContent = text;
  status.classList.toggle('bad', bad);
}

function readVariables() {
  try {
    const read = variables.value.trim() ? JSON.parse(variables.value) : {};
    variables.classList.remove('wrong');
    return read;
  } catch (error) {
    variables.classList.add('wrong');
    throw new Error(`The variables are not JSON: ${error.message}`);
  }
}

async function runOperation() {
  if (underWay) {
    underWay.abort();
    return;
  }
  const shown = [];
  const started = performance.now();
  underWay = new AbortController();
  runButton.textContent = 'Stop';
  try {
    const request = { query: query.value, variables: readVariables() };
    if (operation.value) request.operationName = operation.value;
    remember();
    answer.textContent = '';
    tell('Running …');
    const about = await run(request, {
      token: token.value.trim(),
      signal: underWay.signal,
      next: (result, streamed) => {
        shown.push(JSON.stringify(result, null, 2));
        answer.textContent = shown.slice(-KEPT).reverse().join('\n');
        if (streamed) tell(`${shown.length} received, newest first …`);
      },
    });
    const took = Math.round(performance.now() - started);
    tell(`${about.status} in ${took} ms · ${about.correlationId ?? 'no correlation id'}`, about.status >= 400);
  } catch (error) {
    tell(error.name === 'AbortError' ? `Stopped after ${shown.length}.` : error.message, error.name !== 'AbortError');
  } finally {
    underWay = null;
    runButton.textContent = 'Run';
  }
}

function remember() {
  const made = { at: new Date().toLocaleTimeString(), query: query.value, variables: variables.value };
  if (runs[0]?.query === made.query && runs[0]?.variables === made.variables) return;
  runs.unshift(made);
  runs.length = Math.min(runs.length, KEPT);
  const label = (one) => `${one.at} ${operation.value || one.query.trim().split('\n')[0].slice(0, 40)}`;
  made.label = label(made);
  history.replaceChildren(new Option(`${runs.length} of this visit`, ''), ...runs.map((one, index) => new Option(one.label, index)));
}

async function signIn() {
  const viewer = await ask('query Explorer { viewer { identity { name } tenant { name } scopes } }');
  if (!viewer.data) {
    caller.textContent = 'Not signed in: paste a token, or open a login link of slipway serve.';
    documentation.tell('The schema is told to who is signed in.');
    return;
  }
  const { identity, tenant, scopes } = viewer.data.viewer;
  caller.textContent = `${identity?.name ?? 'somebody'} of ${tenant?.name ?? 'a tenant'} · ${scopes.join(', ')}`;
  at('logout').hidden = Boolean(token.value.trim());
  const told = await ask(INTROSPECTION);
  if (told.data) documentation.show(new Schema(told.data.__schema));
  else documentation.tell(told.errors[0].message);
}

async function ask(text) {
  let found = { errors: [{ message: 'no answer' }] };
  try {
    await run({ query: text }, { token: token.value.trim(), next: (result) => { found = result; } });
  } catch (error) {
    found = { errors: [{ message: error.message }] };
  }
  return found;
}

function indent(event) {
  if (event.key !== 'Tab' || event.shiftKey || event.ctrlKey || event.altKey) return;
  event.preventDefault();
  event.target.setRangeText('  ', event.target.selectionStart, event.target.selectionEnd, 'end');
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    runOperation();
  }
});
query.addEventListener('keydown', indent);
query.addEventListener('input', nameOperations);
runButton.addEventListener('click', runOperation);
token.addEventListener('change', signIn);
history.addEventListener('change', () => {
  const one = runs[Number(history.value)];
  if (history.value && one) write(one.query, one.variables);
  history.value = '';
});
at('logout').addEventListener('click', async () => {
  await logout();
  at('logout').hidden = true;
  await signIn();
});

const asked = new URLSearchParams(location.search);
write(asked.get('query') ?? FIRST, asked.get('variables') ?? '{}');
signIn();

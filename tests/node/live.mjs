// Follows the events with a stock client and prints what it saw as JSON: node live.mjs <client> <task> <url> <token>
import { createClient as createSocket } from 'graphql-ws';
import { createClient as createStream } from 'graphql-sse';
import WebSocket from 'ws';

const [kind, task, url, token] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const query = `subscription($after: String) { events(after: $after, from: BEGINNING) { cursor sequence } }`;
const closed = [];

const sockets = () =>
  createSocket({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
    on: { closed: ({ code }) => closed.push(code) },
  });
const streams = () => createStream({ url, headers: { authorization }, retryAttempts: 0 });
const connect = kind === 'graphql-ws' ? sockets : streams;

async function take(client, count, after) {
  const seen = [];
  for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
    if (errors) throw new Error(JSON.stringify(errors));
    seen.push(data.events);
    if (seen.length === count) break;
  }
  return seen;
}

// Reads two events, loses its connection in the midst, and goes on from its last cursor with a new one.
async function resume() {
  const first = connect();
  const seen = [];
  try {
    for await (const { data } of first.iterate({ query })) {
      seen.push(data.events);
      if (seen.length === 2) {
        if (first.terminate) first.terminate();
        else first.dispose();
        break;
      }
    }
  } catch {
    closed.push('lost');
  }
  seen.push(...(await take(connect(), 3, seen.at(-1).cursor)));
  return seen.map(({ sequence }) => sequence);
}

async function mutate() {
  const mutation = `mutation { createProject(input: {name: "from-node"}) { project { name } errors { code } } }`;
  const results = [];
  for await (const result of connect().iterate({ query: mutation })) results.push(result);
  return results;
}

async function refused() {
  try {
    await take(connect(), 1);
  } catch (error) {
    return { closed, code: error.code ?? null, status: error.response?.status ?? null };
  }
  return null;
}

async function invalid() {
  try {
    for await (const { errors } of connect().iterate({ query, variables: { after: 'no' } })) return errors;
  } catch (errors) {
    return errors;
  }
  return null;
}

console.log(JSON.stringify(await { resume, mutate, refused, invalid }[task]()));
process.exit(0);

// Audits a server for GraphQL over HTTP and prints [{id, name, status, reason}] as JSON.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (address, init) =>
  fetch(address, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } });
const told = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  told.push({ id, name, status, reason });
}
console.log(JSON.stringify(told));

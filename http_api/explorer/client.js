// One operation over HTTP; a subscription is answered as an event stream by the same request.

const ACCEPT = 'application/graphql-response+json, text/event-stream';

function headers(token) {
  // The session cookie of a login link is taken only together with this header, which no foreign page can send.
  const told = { accept: ACCEPT, 'content-type': 'application/json', 'x-slipway-csrf': '1' };
  return token ? { ...told, authorization: `Bearer ${token}` } : told;
}

// Calls `next(result)` for each answer and resolves to {status, correlationId}; `signal` ends a subscription.
export async function run(request, { token, next, signal }) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: headers(token),
    body: JSON.stringify(request),
    credentials: 'same-origin',
    signal,
  });
  const about = { status: response.status, correlationId: response.headers.get('x-correlation-id') };
  if ((response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    for await (const event of events(response.body)) {
      if (event.name === 'complete') break;
      if (event.name === 'next' && event.data) next(JSON.parse(event.data), true);
    }
    return about;
  }
  next(JSON.parse(await response.text()), false);
  return about;
}

export async function logout() {
  await fetch('/logout', { method: 'POST', headers: { 'x-slipway-csrf': '1' }, credentials: 'same-origin' });
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replaceAll('\r\n', '\n');
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield event(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function event(block) {
  const told = { name: 'message', data: '' };
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) told.name = line.slice(6).trim();
    if (line.startsWith('data:')) told.data += (told.data ? '\n' : '') + line.slice(5).replace(/^ /, '');
  }
  return told;
}

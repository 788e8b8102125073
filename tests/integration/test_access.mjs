// Who may ask for what (mission I1 to I3): each path with each method, as each kind of client, from each kind of page,
// against a table of what it needs: status, header fields, stable code. Then what bodies, limits and anonymous clients
// are answered.
// timeout: 240
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Broker, Child, Subscriber, answerTo, binary, scratch, test, until, within } from './broker.mjs';

const HOME = 'https://app.example';
const OTHER = 'http://localhost:3000';
const FOREIGN = 'https://evil.example';
const SECRET = randomBytes(32);
const secretPath = join(scratch, 'secret.key');
writeFileSync(secretPath, SECRET, { mode: 0o600 });

const agent = new Agent({ keepAlive: true, maxSockets: 4 });
let broker;

const start = async (name, flags) => {
  broker = await Broker.start({ flags, directory: join(scratch, name) });
  return broker;
};

// --- asking ---

// Status, header fields, and a problem's code; of an event stream, that it began. A body that is an array is sent in
// chunks.
function ask(method, path, { headers = {}, body = undefined, from = undefined } = {}) {
  return within(`an answer to ${method} ${path}`, new Promise((resolve, reject) => {
    const options = { port: broker.port, host: '127.0.0.1', method, path, headers, agent, localAddress: from };
    const asked = request(options, (answer) => {
      let text = '';
      const give = () => {
        const code = /"code":"(\w+)"/.exec(text)?.[1];
        resolve({ status: answer.statusCode, fields: answer.headers, code, text });
      };
      if (answer.headers['content-type'] === 'text/event-stream') {
        give();
        asked.destroy();
      }
      answer.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', give).on('error', () => {});
    });
    asked.on('error', reject);
    if (Array.isArray(body)) {
      asked.setHeader('Transfer-Encoding', 'chunked'); // Node.js leaves it out where it expects no body
      for (const piece of body) asked.write(piece);
    } else if (body !== undefined) asked.setHeader('Content-Length', Buffer.byteLength(body));
    asked.end(Array.isArray(body) ? undefined : body);
  }));
}

const encode = (part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
function token(ringcast, claims = {}, { secret = SECRET, header = {} } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode({ sub: 'alice', aud: 'here', exp: now + 3600, ringcast, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
const bearer = (...args) => ({ Authorization: `Bearer ${token(...args)}` });

// --- the table ---

const ALL = { read: ['**'], write: ['**'], broadcast: true };
const now = Math.floor(Date.now() / 1000);

// Who asks: the header fields, and what it is good for. `isBad`: a token that is none.
const clients = {
  nobody: { headers: {} },
  'a bad signature': { headers: bearer(ALL, {}, { secret: randomBytes(32) }), isBad: true },
  'no algorithm': { headers: { Authorization: `Bearer ${encode({ alg: 'none' })}.${encode({ sub: 'alice', aud: 'here', exp: now + 60, ringcast: ALL })}.` }, isBad: true },
  garbage: { headers: { Authorization: 'Bearer x' }, isBad: true },
  'an empty token': { headers: { Authorization: 'Bearer' }, isBad: true },
  'another scheme': { headers: { Authorization: 'Basic YTpi' }, isBad: true },
  expired: { headers: bearer(ALL, { exp: now - 3600 }), isBad: true },
  'not yet valid': { headers: bearer(ALL, { nbf: now + 3600 }), isBad: true },
  'without expiry': { headers: bearer(ALL, { exp: undefined }), isBad: true },
  'another audience': { headers: bearer(ALL, { aud: 'elsewhere' }), isBad: true },
  'a reader': { headers: bearer({ read: ['t/**', 'u'] }), read: true },
  'a writer': { headers: bearer({ write: ['t/**', '*'] }), write: true },
  'for another stream': { headers: bearer({ read: ['t2/**'], write: ['t2/**'] }) },
  'who may send': { headers: bearer({ broadcast: true }), broadcast: true },
  'who may all': { headers: bearer(ALL), read: true, write: true, broadcast: true },
  'who may all, in small letters': { headers: { Authorization: `bearer  ${token(ALL)}` }, read: true, write: true, broadcast: true },
  'with a cookie': { headers: { Cookie: `x=1; auth_token=${token(ALL)}; y=2` }, read: true, write: true, broadcast: true, isCookie: true },
  'with a bad cookie': { headers: { Cookie: `auth_token=${token(ALL, { exp: now - 3600 })}` }, isBad: true },
  'with two cookies': { headers: { Cookie: `auth_token=${token(ALL)}; auth_token=x` }, isBad: true },
  'with another cookie': { headers: { Cookie: `token=${token(ALL)}` } },
  'with a bad token and a good cookie': { headers: { Authorization: 'Bearer x', Cookie: `auth_token=${token(ALL)}` }, isBad: true },
  'with the token in the URL': { headers: {}, query: `auth_token=${token(ALL)}` },
};

const pages = {
  'no page': undefined,
  'a page on the list': HOME,
  'another page on the list': OTHER,
  'a page that is not': FOREIGN,
  'a sandboxed page': 'null',
};

// What each method of a path needs, and what it is answered where it is allowed. `path` may be made anew for each
// request. `elsewhere`: methods that it has and that another row is about.
let counter = 0;
let connection; // of a subscriber that lives
const publishes = { body: 'hello', statuses: [200] };
const sends = { body: 'hello', statuses: [202] }; // nothing is written
const routes = [
  { path: () => '/streams/t/a', GET: { needs: 'read', statuses: [200] }, HEAD: { needs: 'read', statuses: [200] },
    POST: { needs: 'write', ...publishes }, PUT: { needs: 'write', statuses: [200, 201] }, elsewhere: ['DELETE'] },
  { path: () => `/streams/t/gone-${++counter}`, elsewhere: ['GET', 'HEAD', 'POST', 'PUT'], DELETE: { needs: 'write', statuses: [204], isThere: true } },
  { path: () => '/streams/t/a?view=info', elsewhere: ['HEAD', 'POST', 'PUT', 'DELETE'], GET: { needs: 'read', statuses: [200] } },
  { path: () => '/streams', GET: { needs: 'any', statuses: [200] }, POST: { needs: 'write', body: '', statuses: [201] } },
  { path: () => '/events?stream=t/a&stream=u', GET: { needs: 'read', statuses: [200] } },
  { path: () => '/stream?stream_id=t/a', GET: { needs: 'read', statuses: [200] } },
  { path: () => '/api/sse?sessionId=t/a', GET: { needs: 'read', statuses: [200] } },
  { path: () => `/connections/${connection}`, POST: { needs: 'broadcast', ...sends } },
  { path: () => '/connections/0000000000000000/token', POST: { needs: 'any', isToken: true, statuses: [404] } },
  { path: () => '/broadcast', POST: { needs: 'broadcast', ...sends } },
  { path: () => '/healthz', GET: { statuses: [200] }, HEAD: { statuses: [200] } },
  { path: () => '/', GET: { statuses: [200] }, HEAD: { statuses: [200] } },
  { path: () => '/nothing', isAbsent: true, GET: { statuses: [404], code: 'not_found' }, HEAD: { statuses: [404] } },
];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const routeMethods = (route) => methods.filter((method) => route[method] || route.elsewhere?.includes(method) || method === 'OPTIONS');

// { statuses, code, challenge } that the table asks for. `anonymous`: what nobody may.
function expected(route, method, client, origin, anonymous = []) {
  if (origin !== undefined && origin !== HOME && origin !== OTHER) return { statuses: [403], code: 'forbidden' };
  if (method === 'OPTIONS') return { statuses: [200] };
  const entry = route[method];
  if (route.isAbsent) return { statuses: [404], code: 'not_found' };
  if (entry === undefined) return { statuses: [405], code: 'method_not_allowed' };
  if (entry.needs === undefined) return entry;
  if (client.isBad) return { statuses: [401], code: 'unauthorized', challenge: /^Bearer realm="ringcast", error="invalid_token", error_description="[^"]+"$/ };
  const isNobody = !client.headers.Authorization && !client.headers.Cookie?.includes('auth_token=');
  const need = entry.isToken ? 'token' : entry.needs === 'any' ? 'read' : entry.needs;
  if (isNobody) {
    return anonymous.includes(need) ? entry : { statuses: [401], code: 'unauthorized', challenge: /^Bearer realm="ringcast"$/ };
  }
  if (client.isCookie && !['GET', 'HEAD'].includes(method) && origin === undefined) return { statuses: [403], code: 'forbidden' };
  if (entry.needs !== 'any' && !client[entry.needs]) return { statuses: [403], code: 'forbidden' };
  return entry;
}

function checkCors(answer, route, method, origin, said) {
  const isAllowed = origin === HOME || origin === OTHER;
  const { fields } = answer;
  assert.match(fields.vary ?? '', /\bOrigin\b/, `${said}: Vary`);
  assert.equal(fields['access-control-allow-origin'], isAllowed ? origin : undefined, `${said}: its origin alone`);
  assert.equal(fields['access-control-allow-credentials'], isAllowed ? 'true' : undefined, said);
  if (!isAllowed || method !== 'OPTIONS') {
    assert.equal(fields['access-control-allow-methods'], undefined, said);
    if (isAllowed) assert.match(fields['access-control-expose-headers'] ?? '', /Ringcast-Connection-Id/, said);
    return;
  }
  const list = (text) => text.split(',').map((one) => one.trim());
  assert.equal(fields['access-control-max-age'], '86400', said);
  assert.deepEqual(list(fields['access-control-allow-methods']).sort(), routeMethods(route).sort(), said);
  for (const name of ['Authorization', 'Content-Type', 'Last-Event-ID']) {
    assert.ok(list(fields['access-control-allow-headers']).includes(name), `${said}: ${name} is allowed`);
  }
}

// What each answer has, whatever it is to.
function checkForm(answer, method, said) {
  const { status, fields } = answer;
  if (status >= 400) {
    assert.equal(fields['content-type'], 'application/problem+json', said);
    assert.equal(fields['cache-control'], 'no-store', said);
    assert.equal(fields['x-content-type-options'], 'nosniff', said);
  }
  if (status >= 400 && method !== 'HEAD') {
    const { type, title, status: told, code, detail } = JSON.parse(answer.text);
    assert.deepEqual([type, told, typeof title], [`urn:ringcast:error:${code}`, status, 'string'], said);
    assert.ok(detail === undefined || detail.length > 0, said);
  }
  assert.equal(fields.location !== undefined, status === 201 || (method === 'PUT' && status === 200), `${said}: Location`);
  assert.equal(fields['retry-after'] !== undefined, status === 429 || status === 503, `${said}: Retry-After`);
  assert.equal(fields.allow !== undefined, status === 405 || (method === 'OPTIONS' && status === 200), `${said}: Allow`);
}

async function checkOne(route, method, clientName, client, origin, anonymous) {
  let path = route.path();
  const wanted = expected(route, method, client, origin, anonymous);
  const said = `${method} ${path} by ${clientName}, Origin: ${origin}`;
  if (client.query) path += `${path.includes('?') ? '&' : '?'}${client.query}`;
  if (wanted.isThere) await ask('POST', path, { headers: bearer(ALL), body: 'x' });
  const headers = { ...client.headers };
  if (origin !== undefined) headers.Origin = origin;
  if (method === 'OPTIONS' && origin !== undefined) headers['Access-Control-Request-Method'] = 'POST';
  const answer = await ask(method, path, { headers, body: wanted.body ?? (method === 'POST' ? 'hello' : undefined) });
  assert.ok(wanted.statuses.includes(answer.status), `${said}: ${answer.status} ${answer.text}, not ${wanted.statuses}`);
  if (wanted.code && method !== 'HEAD') assert.equal(answer.code, wanted.code, said);
  if (wanted.challenge) assert.match(answer.fields['www-authenticate'] ?? '', wanted.challenge, said);
  else assert.equal(answer.fields['www-authenticate'], undefined, said);
  if (answer.status === 405) assert.ok(answer.fields.allow?.includes('OPTIONS'), `${said}: ${answer.fields.allow}`);
  checkForm(answer, method, said);
  checkCors(answer, route, method, origin, said);
}

async function checkTable(anonymous = [], names = Object.keys(clients)) {
  let count = 0;
  for (const route of routes) {
    for (const method of methods.filter((one) => !route.elsewhere?.includes(one))) {
      for (const name of names) {
        for (const origin of Object.values(pages)) {
          await checkOne(route, method, name, clients[name], origin, anonymous);
          count++;
        }
      }
    }
  }
  return count;
}

// --- further tables ---

// Bodies of each kind: what they are answered as events, and as settings of a stream. A code alone: the same, refused so.
const bodies = {
  'none': { event: [200], settings: [201] },
  'a raw one': { body: 'hello', event: [200], settings: 'serialization_error' },
  'an empty one': { body: '', event: [200], settings: [201] },
  'bytes that are no text': { body: Buffer.from([0xff, 0, 1]), type: 'application/octet-stream', event: [200], settings: 'serialization_error' },
  'a JSON object': { body: '{"data":{"x":1},"type":"point"}', type: 'application/json', event: [200], settings: 'invalid_parameter' },
  'settings': { body: '{"retention_age":"1h"}', type: 'application/json', event: 'invalid_parameter', settings: [201] },
  'settings with a content type': { body: '{"retention_count":10,"content_type":"text/plain"}', type: 'text/plain', event: [200], settings: [201] },
  'bad settings': { body: '{"retention_age":"soon"}', type: 'application/json', event: 'invalid_parameter', settings: 'invalid_parameter' },
  'an object without data': { body: '{"type":"point"}', type: 'application/json', event: 'missing_parameter', settings: 'invalid_parameter' },
  'bad JSON': { body: '{"data":', type: 'application/json', event: 'serialization_error', settings: 'invalid_parameter' },
  'an NDJSON batch': { body: '{"data":"1"}\n{"data":"2"}\n', type: 'application/x-ndjson', event: [200], settings: 'invalid_parameter', isBatch: true },
  'a batch with a bad event': { body: '{"data":"1"}\n{"data":"2","type":"a\\nb"}\n', type: 'application/x-ndjson', event: 'invalid_parameter', settings: 'invalid_parameter', isBatch: true },
  'a form': { body: 'data=hello&type=text', type: 'application/x-www-form-urlencoded', event: [200], settings: 'serialization_error' },
  'a bad form': { body: 'data=%zz', type: 'application/x-www-form-urlencoded', event: 'serialization_error', settings: 'serialization_error' },
  'a multipart form': { body: '--b--', type: 'multipart/form-data; boundary=b', event: 'invalid_request', settings: 'serialization_error', status: 415 },
  'one with a coding': { body: 'x', coding: 'gzip', event: 'invalid_request', settings: 'invalid_request', status: 415 },
  'one in chunks': { body: ['hel', 'lo'], event: [200], settings: 'serialization_error' },
  'one that is too large': { body: 'x'.repeat(70 << 10), event: 'too_large', settings: 'too_large', status: 413 },
  'one that is too large, in chunks': { body: ['x'.repeat(70 << 10)], event: 'too_large', settings: 'too_large', status: 413 },
};

// Whether one may is said first. What takes no body passes one over, or refuses what it may not have in any case.
const bodyRoutes = [
  { method: 'POST', path: '/streams/t/bodies', takes: 'event' },
  { method: 'POST', path: () => `/connections/${connection}`, takes: 'event', isDirect: true },
  { method: 'POST', path: '/broadcast', takes: 'event', isDirect: true },
  { method: 'PUT', path: () => `/streams/t/set-${++counter}`, takes: 'settings' },
  { method: 'POST', path: '/streams', takes: 'settings' },
  { method: 'GET', path: '/streams/t/bodies?view=info', status: 200 },
  { method: 'GET', path: '/streams', status: 200 },
  { method: 'HEAD', path: '/streams/t/bodies', status: 200 },
  { method: 'DELETE', path: '/streams/t/bodies', status: 204 },
  { method: 'POST', path: '/connections/0000000000000000/token', status: 404, mayReader: true },
];

function expectedOfBody(route, kind) {
  if (route.takes === undefined) return { statuses: kind.status === 413 ? [413] : [route.status] };
  // A batch goes to no single connection, nor to all.
  if (route.isDirect && kind.isBatch) return { statuses: [413], code: 'too_large' };
  const answer = kind[route.takes];
  if (Array.isArray(answer)) return { statuses: route.isDirect ? [202] : answer };
  const isOther = kind.status === 415 && answer !== 'invalid_request'; // no form at all for who takes settings
  return { statuses: [isOther ? 400 : kind.status ?? 400], code: answer };
}

async function checkBodies() {
  const callers = { nobody: [401, 'unauthorized'], 'a bad signature': [401, 'unauthorized'], 'a reader': [403, 'forbidden'], 'who may all': undefined };
  let count = 0;
  for (const route of bodyRoutes) {
    for (const [name, kind] of Object.entries(bodies)) {
      for (const [caller, refused] of Object.entries(callers)) {
        const { method } = route;
        const path = typeof route.path === 'string' ? route.path : route.path();
        const headers = { ...clients[caller].headers, Origin: HOME };
        if (kind.type) headers['Content-Type'] = kind.type;
        if (kind.coding) headers['Content-Encoding'] = kind.coding;
        const answer = await ask(method, path, { headers, body: kind.body });
        const said = `${method} ${path}, ${name}, by ${caller}: ${answer.status} ${answer.text}`;
        const mayReader = ['GET', 'HEAD'].includes(method) || route.mayReader;
        const isRefused = refused !== undefined && !(caller === 'a reader' && mayReader);
        const wanted = isRefused ? { statuses: [refused[0]], code: refused[1] } : expectedOfBody(route, kind);
        assert.ok(wanted.statuses.includes(answer.status), `${said}, not ${wanted.statuses}`);
        if (wanted.code && method !== 'HEAD') assert.equal(answer.code, wanted.code, said);
        assert.equal(answer.fields['access-control-allow-origin'], HOME, `${said}: also of an error`);
        checkForm(answer, method, said);
        count++;
      }
    }
  }
  return count;
}

async function checkLimits() {
  const as = (sub, ringcast = ALL) => ({ headers: bearer(ringcast, { sub }) });
  await start('limits', ['--auth-keys', secretPath, '--connections-per-subject', '2', '--publish-events-per-subject', '10']);
  const held = [];
  for (let i = 0; i < 2; i++) held.push(await new Subscriber(broker, '/streams/a', as('alice')).begun());
  let answer = await ask('GET', '/streams/a', as('alice'));
  assert.deepEqual([answer.status, answer.code], [429, 'too_many_connections']);
  assert.ok(Number(answer.fields['retry-after']) >= 1);
  assert.equal((await ask('GET', '/streams/a', as('bob'))).status, 200, 'another subject is not concerned');
  held[0].close();
  await until('there is room', async () => (await ask('GET', '/streams/a', as('alice'))).status === 200);
  held[1].close();

  await until('she publishes as much as she may', async () => {
    answer = await ask('POST', '/streams/a', { ...as('alice'), body: 'x' });
    return answer.status !== 200;
  });
  assert.deepEqual([answer.status, answer.code], [429, 'rate_limited']);
  assert.ok(Number(answer.fields['retry-after']) >= 1);
  assert.equal((await ask('POST', '/streams/a', { ...as('bob'), body: 'x' })).status, 200);
  await broker.stop();

  await start('refused', ['--allow-origins', HOME, '--connections-max', '1']);
  const only = await new Subscriber(broker, '/streams/a').begun();
  answer = await ask('GET', '/streams/a', { headers: { Origin: HOME } });
  assert.deepEqual([answer.status, answer.code], [503, 'too_many_connections']);
  assert.equal(answer.fields['access-control-allow-origin'], HOME, 'a page is told that there is no room');
  only.close();
  await broker.stop();

  await start('rates', ['--auth-keys', secretPath, '--requests-per-subject', '5']);
  await until('she asks as often as she may', async () => {
    answer = await ask('GET', '/streams', as('alice'));
    return answer.status !== 200;
  });
  assert.deepEqual([answer.status, answer.code], [429, 'rate_limited']);
  assert.equal((await ask('GET', '/streams', as('bob'))).status, 200);
  await broker.stop();
}

// A connection ends with its token, unless a fresh one came for it; a token's types are all that it sees.
async function checkLife() {
  await start('life', ['--auth-keys', secretPath, '--auth-leeway', '0ms']);
  const open = (headers) => new Subscriber(broker, '/streams/a', { headers }).begun();
  const soon = Math.floor(Date.now() / 1000) + 3;
  const ends = await open(bearer({ read: ['a'] }, { exp: soon }));
  const goesOn = await open({ Cookie: `auth_token=${token({ read: ['a'] }, { exp: soon })}` });
  const seesText = await open(bearer({ read: ['a'], types: ['text'] }));
  const id = /Ringcast-Connection-Id: (\w+)/.exec(goesOn.header)[1];
  const renew = async (...args) => {
    const answer = await ask('POST', `/connections/${id}/token`, { headers: bearer(...args) });
    return [answer.status, answer.code];
  };
  assert.deepEqual(await renew({ read: ['a'] }, { sub: 'bob' }), [403, 'forbidden'], 'a token of somebody else');
  assert.deepEqual(await renew({ read: ['b'] }), [403, 'forbidden'], 'a token that does not read its stream');
  assert.deepEqual(await renew({ read: ['a'] }), [204, undefined]);
  await within('its token expires', ends.ended);
  assert.deepEqual(ends.events.at(-1).type, 'disconnect');
  assert.deepEqual(JSON.parse(ends.events.at(-1).data), { reason: 'token_expired' });
  for (const type of ['other', 'text']) await broker.ask({ stream: 'a', data: type, type });
  await goesOn.has(2);
  await seesText.has(1);
  assert.deepEqual(seesText.events.map((event) => event.type), ['text']);
  goesOn.close();
  seesText.close();
  await broker.stop();
}

// `ringcast subscribe` shows a token that is in a file, and takes a new one when it comes again.
async function checkClient() {
  await start('client', ['--auth-keys', secretPath]);
  const path = join(scratch, 'token');
  await broker.ask({ stream: 'a', data: 'kept' });
  const subscribe = async () => {
    const lines = [];
    const client = new Child(binary, ['subscribe', '--url', broker.url, '--token-file', path, '--from', 'earliest', '-n', '1', 'a'],
      { onLine: (line) => lines.push(line), errors: 'ignore' });
    const { code } = await within('ringcast subscribe ends', client.ended);
    return [code, lines.join()];
  };
  assert.deepEqual(await subscribe(), [1, ''], 'there is no file');
  writeFileSync(path, 'no token\r\nX: y');
  assert.deepEqual(await subscribe(), [1, ''], 'it holds no token');
  writeFileSync(path, token({ read: ['b'] }));
  assert.deepEqual(await subscribe(), [1, ''], 'a token for another stream');
  writeFileSync(path, `${token({ read: ['a'] })}\n`);
  assert.match((await subscribe()).join(' '), /^0 .*kept$/);
  await broker.stop();
}

async function checkRequired() {
  await start('required', ['--auth-keys', secretPath, '--allow-origins', `${HOME},${OTHER}`, '--require-origin']);
  for (const route of routes.filter((one) => one.GET)) {
    const answer = await ask('GET', route.path(), { headers: bearer(ALL) });
    const isOpen = route.GET.needs === undefined;
    assert.equal(answer.status === 403, !isOpen, `${route.path()}: ${answer.status}`);
    if (!isOpen) assert.equal(answer.code, 'forbidden');
  }
  await broker.stop();
}

async function checkUnlisted() {
  await start('unlisted', []);
  const own = `http://127.0.0.1:${broker.port}`;
  for (const route of routes) {
    for (const origin of [HOME, own, `${own}0`, `http://localhost:${broker.port}`, 'null', '', '://', `x${own.slice(4)}`]) {
      const path = route.path();
      const answer = await ask('GET', path, { headers: { Origin: origin } });
      const said = `${path} from '${origin}': ${answer.status}`;
      assert.equal(answer.fields['access-control-allow-origin'], undefined, said);
      // Browsers send the Origin of the built-in page with the scripts that it loads.
      if (origin.endsWith(own.slice(4)) && (path === '/' || path === '/nothing')) assert.equal(answer.status, route.GET.statuses[0], said);
      else assert.deepEqual([answer.status, answer.code], [403, 'forbidden'], said);
    }
  }
  assert.equal(broker.log().match(/no origin is allowed/g)?.length, 1, 'a warning in the log, once');
  assert.equal((await ask('GET', '/streams/a')).status, 200, 'without keys, anybody reads');
  const refused = await ask('POST', '/streams/a', { body: 'x' });
  assert.deepEqual([refused.status, refused.code], [401, 'unauthorized'], 'and nobody publishes');
  const waiting = 'POST /streams/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n';
  assert.deepEqual(await answerTo(broker, waiting), { status: 401, code: 'unauthorized', retries: false }, 'is told before its body');
  assert.equal((await ask('GET', '/streams/a', { headers: bearer(ALL) })).status, 401, 'no token is valid');
  const cookie = { Cookie: `auth_token=${token(ALL)}` };
  assert.equal((await ask('GET', '/streams/a', { headers: cookie })).status, 200, 'a cookie is another server\'s');
  await broker.stop();
}

async function connect() {
  await broker.ask({ stream: 't/a', data: 'x' });
  const subscriber = await new Subscriber(broker, '/streams/u', { headers: bearer(ALL) }).begun();
  connection = /Ringcast-Connection-Id: (\w+)/.exec(subscriber.header)[1];
  return subscriber;
}

test(async ({ say }) => {
  const origins = ['--allow-origins', `${HOME}, ${OTHER}`];
  const keys = ['--auth-keys', secretPath, '--auth-audience', 'here'];
  await start('table', [...origins, ...keys, '--request-bytes-max', '64KiB']);
  await connect();
  say(`${await checkTable()} answers where keys are configured`);
  await checkBodies();
  say('bodies');
  await broker.stop();

  await start('anonymous', [...origins, ...keys, '--anonymous', 'read']);
  await connect();
  say(`${await checkTable(['read'], ['nobody', 'a bad signature', 'a writer', 'with a cookie'])} answers where anybody reads`);
  await broker.stop();

  await start('all', [...origins, ...keys, '--anonymous', 'all']);
  await connect();
  say(`${await checkTable(['read', 'write', 'broadcast'], ['nobody', 'a bad signature', 'a reader', 'with a cookie'])} answers where anybody may all`);
  await broker.stop();

  await checkRequired();
  await checkUnlisted();
  await checkClient();
  await checkLimits();
  await checkLife();
  say('origins that are required or not listed, limits, ends');
});

// Logs: each format read line by line by strict parsers; the access log's line of each kind of request and of each
// end of a stream, with exact counts; request ids; rotation under load; what a reader that stops costs; no secrets.
// timeout: 240
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { constants, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Broker, Subscriber, scratch, sleep, slowness, test, until, within } from './broker.mjs';

const SECRET = randomBytes(32);
const keyPath = join(scratch, 'secret.key');
writeFileSync(keyPath, SECRET, { mode: 0o600 });

// --- parsers ---

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
// What an escaped text stands for; JSON's escapes are all that there are.
const unquote = (text) => {
  assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f]/, 'no control character');
  return JSON.parse(text);
};

// key=value pairs, with a space between.
function parsePairs(text) {
  const pairs = {};
  let rest = text;
  while (rest !== '') {
    const match = /^([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: (?=[a-z])|$)/u.exec(rest);
    assert.ok(match, `not logfmt: ${JSON.stringify(rest)} in ${JSON.stringify(text)}`);
    const [all, key, value] = match;
    assert.ok(!(key in pairs), `${key} twice in ${text}`);
    if (value.startsWith('"')) pairs[key] = unquote(value);
    else pairs[key] = /^\d+(\.\d+)?$/.test(value) && key !== 'request' && key !== 'connection' ? Number(value) : value;
    rest = rest.slice(all.length);
  }
  return pairs;
}

function parseJson(line) {
  const parsed = JSON.parse(line);
  assert.equal(typeof parsed, 'object');
  const keys = [...line.matchAll(/(?<=[{,])"([a-z_]+)":/g)].map((match) => match[1]);
  assert.equal(new Set(keys).size, keys.length, `a key twice in ${line}`);
  assert.equal(JSON.stringify(parsed).includes('\\u0000'), line.includes('\\u0000'));
  return parsed;
}

const parsers = {
  text: (line) => {
    const match = new RegExp(`^(${TIME}) ([a-z_]+)(?: (.*))?$`).exec(line);
    assert.ok(match, `not a line: ${line}`);
    return { time: match[1], event: match[2], ...parsePairs(match[3] ?? '') };
  },
  logfmt: parsePairs,
  json: parseJson,
};

const linesOf = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '').split('\n').slice(0, -1);
const entriesOf = (path, format = 'json') => linesOf(path).map((line) => {
  assert.ok(Buffer.byteLength(line) < 4096, 'a line is bounded');
  const entry = parsers[format](line);
  assert.match(entry.time, new RegExp(`^${TIME}$`));
  return entry;
});

// --- asking ---

let broker;

// Sends text as it is; the answer as it came, once `count` bodies are whole or the connection ended.
function exchange(text, { isWhole = (bytes) => /\r\n\r\n/.test(bytes) && lengthOf(bytes) <= bytes.length } = {}) {
  return within(`an answer to ${JSON.stringify(text.slice(0, 60))}`, new Promise((resolve) => {
    const socket = createConnection(broker.port, '127.0.0.1');
    let bytes = '';
    const give = () => {
      socket.destroy();
      resolve(bytes);
    };
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      bytes += piece;
      if (isWhole(bytes)) give();
    });
    socket.on('close', give);
    socket.on('error', () => {});
    socket.write(Buffer.from(text, 'latin1'));
  }));
}

const lengthOf = (bytes) => {
  const head = bytes.indexOf('\r\n\r\n') + 4;
  return head + (bytes.startsWith('HTTP/1.1 204') ? 0 : Number(/Content-Length: (\d+)/.exec(bytes)?.[1] ?? 0));
};

const requestText = (method, target, { headers = {}, body = undefined } = {}) => {
  const fields = { Host: 'localhost', 'User-Agent': 'test/1 "quoted"', ...headers };
  if (body !== undefined) fields['Content-Length'] = Buffer.byteLength(body);
  return `${method} ${target} HTTP/1.1\r\n${Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body ?? ''}`;
};

const encode = (part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
function token(claims = {}, secret = SECRET) {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const ringcast = { read: ['**'], write: ['**'], broadcast: true };
  const text = `${encode({ alg: 'HS256' })}.${encode({ sub: 'alice smith', exp, ringcast, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const idOf = (answer) => /\r\nX-Request-Id: (\S+)\r\n/.exec(answer)?.[1];
const statusOf = (answer) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

// --- each kind of request, in each format ---

// Those whose path or method are told as they are: method, target, options, what the line says.
const cases = (connection, bearer) => [
  ['POST', '/streams/logs/a', { body: 'hello' }, { route: 'publish', status: 200 }],
  ['POST', '/streams/logs%2Fb%20c?type=x', { body: 'secret body' }, { route: 'publish', status: 200, path: '/streams/logs/b c' }],
  ['POST', '/streams/%C3%A4%22=', { body: 'x' }, { route: 'publish', status: 200, path: '/streams/ä"=' }],
  ['GET', '/streams/logs/a?view=info', {}, { route: 'info', status: 200 }],
  ['HEAD', '/streams/logs/a', {}, { route: 'head', status: 200 }],
  ['PUT', '/streams/logs/made', { body: '{}' }, { route: 'create', status: 201 }],
  ['DELETE', '/streams/logs/made', {}, { route: 'delete', status: 204 }],
  ['POST', '/streams', { body: '{}' }, { route: 'create_uuid', status: 201 }],
  ['GET', '/streams', {}, { route: 'list', status: 200 }],
  ['POST', '/broadcast', { body: 'all' }, { route: 'broadcast', status: 202 }],
  ['POST', `/connections/${connection}`, { body: 'one' }, { route: 'send', status: 202 }],
  ['POST', `/connections/${connection}/token`, {}, { route: 'renew', status: 204 }],
  ['OPTIONS', '/streams/logs/a', {}, { route: 'options', status: 200 }],
  ['OPTIONS', '*', {}, { route: 'options', status: 200 }],
  ['GET', '/healthz', {}, { route: 'health', status: 200 }],
  ['GET', '/', {}, { route: 'asset', status: 200 }],
  ['GET', '/nothing?token=hidden', {}, { route: 'asset', status: 404, path: '/nothing' }],
  ['PATCH', '/streams/logs/a', {}, { route: 'none', status: 405 }],
  ['GET', '/events', {}, { route: 'events', status: 400 }],
  ['BREW', '/streams/logs/a', {}, { route: 'none', status: 400, method: 'OTHER', path: undefined }],
  ['GET', 'http://user:password@localhost/streams/\x01', {}, { route: 'none', status: 400, path: undefined }],
  ['POST', '/streams/logs/a', { headers: { 'Content-Length': '99999999999' } }, { route: 'publish', status: 413 }],
].map(([method, target, options, expected]) => [method, target, { ...options, headers: { Authorization: `Bearer ${bearer}`, ...options.headers } }, { method, path: target.split('?')[0], ...expected }]);

async function checkCases(format) {
  const path = join(scratch, `access.${format}`);
  const bearer = token();
  broker = await Broker.start({ directory: join(scratch, format), flags: ['--log-format', format, '--log-level', 'debug', '--access-log', path, '--auth-keys', keyPath, '--workers', '1'] });
  const subscriber = await new Subscriber(broker, '/streams/logs/quiet', { headers: { Authorization: `Bearer ${bearer}`, 'X-Request-Id': 'the-stream' } }).begun();
  const connection = /Ringcast-Connection-Id: (\w+)/.exec(subscriber.header)[1];
  const asked = cases(connection, bearer);
  const answers = [];
  for (const [method, target, options] of asked) answers.push(await exchange(requestText(method, target, options), { isWhole: method === 'HEAD' ? (bytes) => /\r\n\r\n$/.test(bytes) : undefined }));
  const entries = (await until('all are told', () => {
    const found = entriesOf(path, format).filter((entry) => entry.event === 'request');
    return found.length >= asked.length && found;
  }));
  assert.equal(entries.length, asked.length);
  const ids = new Set();
  asked.forEach(([method, target, options, expected], i) => {
    const entry = entries[i];
    const what = `${method} ${target} in ${format}: ${JSON.stringify(entry)}`;
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(entry[key], value, `${key} of ${what}`);
    assert.equal(entry.status, statusOf(answers[i]), what);
    assert.equal(entry.bytes_out, Buffer.byteLength(answers[i], 'latin1'), what);
    if (expected.path !== undefined && expected.status !== 413) assert.equal(entry.bytes_in, Buffer.byteLength(requestText(method, target, options)), what);
    assert.equal(entry.address, '127.0.0.1', what);
    assert.ok(entry.duration_ms >= 0 && entry.duration_ms < 20_000, what);
    if (expected.path !== undefined) assert.equal(entry.agent, 'test/1 "quoted"', what);
    if (!['options', 'health', 'asset', 'none'].includes(entry.route)) assert.equal(entry.subject, 'alice smith', what);
    assert.equal(idOf(answers[i]), entry.status < 400 ? undefined : entry.request, what);
    if (entry.status >= 400 && method !== 'HEAD') assert.equal(JSON.parse(answers[i].slice(answers[i].indexOf('\r\n\r\n'))).request_id, entry.request, what);
    ids.add(entry.request);
  });
  assert.equal(ids.size, asked.length, 'each request has an id of its own');
  subscriber.close();
  const [start] = entriesOf(path, format).filter((entry) => entry.event === 'stream_start');
  const end = await until('the stream ends', () => entriesOf(path, format).find((entry) => entry.event === 'stream_end'));
  for (const entry of [start, end]) {
    assert.equal(entry.request, 'the-stream');
    assert.equal(entry.connection, connection);
    assert.equal(entry.path, '/streams/logs/quiet');
    assert.equal(entry.subject, 'alice smith');
    assert.equal(entry.address, '127.0.0.1');
  }
  assert.equal(start.status, 200);
  assert.equal(start.streams, 1);
  assert.equal(end.reason, 'client');
  assert.equal(end.events, 2, 'a broadcast and one to itself');
  await broker.stop();
}

// What is told on standard error, at its most talkative.
async function checkErrors(format) {
  const lines = await until('the last line', () => {
    const found = linesOf(join(scratch, format, 'log'));
    return found.some((line) => line.includes('ended')) && found;
  });
  for (const line of lines) {
    assert.ok(Buffer.byteLength(line) < 1024);
    if (format === 'text') {
      assert.match(line, new RegExp(`^${TIME} (DEBUG|INFO |WARN |ERROR) [a-z]+: .`));
      continue;
    }
    const entry = parsers[format](line);
    assert.match(entry.time, new RegExp(`^${TIME}$`));
    assert.match(entry.level, /^(debug|info|warn|error)$/);
    assert.match(entry.module, /^[a-z]+$/);
    assert.ok(entry.message.length > 0);
  }
}

// --- how streams end ---

async function checkEnds() {
  const path = join(scratch, 'ends.log');
  broker = await Broker.start({ directory: join(scratch, 'ends'), flags: ['--log-format', 'json', '--access-log', path, '--anonymous', 'all', '--lag-events', '0', '--lag-bytes', '0', '--request-timeout', `${500 * slowness}ms`] });
  const end = (request) => until(`the end of ${request}`, () => entriesOf(path).find((entry) => entry.event === 'stream_end' && entry.request === request));
  const subscribe = (name, query = '') => new Subscriber(broker, `/streams/${name}?from=earliest${query}`, { headers: { 'X-Request-Id': `of-${name}` } }).begun();

  await exchange(requestText('POST', '/streams/done?action=close', { body: 'last' }));
  const done = new Subscriber(broker, '/streams/done?from=earliest', { headers: { 'X-Request-Id': 'of-done' } });
  await within('the end', done.ended);
  const ended = await end('of-done');
  assert.deepEqual([ended.reason, ended.events], ['ended', 1]);

  const closed = await subscribe('closed');
  await broker.ask({ op: 'close', connection: /Ringcast-Connection-Id: (\w+)/.exec(closed.header)[1] });
  assert.equal((await end('of-closed')).reason, 'operator');

  // What is counted is what came, however often sends fell short.
  for (const [name, query] of [['slow', ''], ['batched', '&batch=event'], ['rated', '&bytes_per_second=4000000']]) {
    await checkSlow(name, query, await subscribe(name, query), () => end(`of-${name}`));
  }

  const half = createConnection(broker.port, '127.0.0.1');
  half.write('POST /streams/half HTTP/1.1\r\nHost: a\r\nX-Request-Id: half\r\nContent-Length: 10\r\n\r\n12345');
  await sleep(100);
  half.destroy();
  const gone = await until('half a request', () => entriesOf(path).find((entry) => entry.event === 'unanswered'));
  assert.deepEqual([gone.request, gone.reason, gone.route, gone.path], ['half', 'client', 'publish', '/streams/half']);
  const late = await exchange('GET /streams/late HTTP/1.1\r\n');
  const told = await until('a late one', () => entriesOf(path).find((entry) => entry.status === 408));
  assert.deepEqual([statusOf(late), told.request, told.path], [408, idOf(late), '/streams/late']);

  await subscribe('stopped');
  await broker.stop();
  assert.equal((await end('of-stopped')).reason, 'shutdown');
}

async function checkSlow(name, query, subscriber, end) {
  const count = 600;
  const bytes = () => subscriber.socket.bytesRead;
  subscriber.socket.pause();
  const data = 'x'.repeat(10_000);
  const body = Array.from({ length: count }, (_, i) => `${JSON.stringify({ data: `${i} ${data}` })}\n`).join('');
  assert.equal(statusOf(await exchange(requestText('POST', `/streams/${name}`, { headers: { 'Content-Type': 'application/x-ndjson' }, body }))), 200);
  await sleep(200);
  subscriber.socket.resume();
  const seen = () => (query.includes('batch') ? subscriber.events.reduce((sum, event) => sum + (event.type === 'batch' ? JSON.parse(event.data).length : 1), 0) : subscriber.events.length);
  await until(`all of ${name}`, () => seen() === count);
  await sleep(50);
  const got = bytes();
  subscriber.close();
  const ended = await end();
  assert.deepEqual([ended.events, ended.bytes_out - got], [count, 0], name);
}

// --- request ids ---

async function checkIds() {
  const made = new Set();
  for (let life = 0; life < 2; life++) {
    broker = await Broker.start({ directory: join(scratch, 'ids'), flags: ['--anonymous', 'all'] });
    for (let i = 0; i < 50; i++) made.add(idOf(await exchange(requestText('GET', '/nothing'))));
    await broker.stop();
  }
  assert.equal(made.size, 100, 'no id is made twice, after a restart neither');
  broker = await Broker.start({ directory: join(scratch, 'ids'), flags: ['--anonymous', 'all'] });
  for (const good of ['a', 'A-Z_0.9', 'x'.repeat(64)]) {
    assert.equal(idOf(await exchange(requestText('GET', '/nothing', { headers: { 'X-Request-Id': good } }))), good);
    assert.equal(idOf(await exchange(requestText('POST', '/streams/a', { headers: { 'x-request-id': good }, body: 'x' }))), good);
    assert.equal(idOf(await exchange(requestText('GET', '/healthz', { headers: { 'X-Request-Id': good } }))), good);
    assert.equal(idOf(await exchange(requestText('OPTIONS', '*', { headers: { 'X-Request-Id': good } }))), good);
    const subscriber = await new Subscriber(broker, '/streams/a', { headers: { 'X-Request-Id': good } }).begun();
    assert.equal(idOf(`${subscriber.header}\r\n`), good);
    subscriber.close();
  }
  for (const bad of ['', 'a b', 'a,b', 'a"b', 'ä', 'x'.repeat(65), 'x'.repeat(3000)]) {
    const answer = await exchange(requestText('GET', '/nothing', { headers: { 'X-Request-Id': bad } }));
    assert.equal(statusOf(answer), 404);
    assert.match(idOf(answer), /^[0-9a-f]{12}-[0-9a-f]+$/, `made in the place of ${bad}`);
  }
  const twice = await exchange('GET /nothing HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n');
  assert.match(idOf(twice), /^[0-9a-f]{12}-/);
  assert.equal(idOf(await exchange(requestText('GET', '/healthz'))), undefined);
  await broker.stop();
}

// --- files ---

async function checkRotation() {
  const directory = join(scratch, 'rotated');
  mkdirSync(directory);
  const path = join(directory, 'access.log');
  broker = await Broker.start({ directory: join(scratch, 'rotation'), flags: ['--log-format', 'json', '--access-log', path, '--workers', '2'] });
  const files = [];
  const count = 1000;
  let asked = 0;
  const ask = async () => {
    while (asked < count) {
      const number = ++asked;
      const answer = await exchange(requestText('GET', '/healthz', { headers: { 'X-Request-Id': `r${number}` } }));
      assert.equal(statusOf(answer), 200);
      if (number % 200 === 100) {
        await until('the file', () => existsSync(path));
        files.push(join(directory, `access.${number}`));
        renameSync(path, files.at(-1));
        process.kill(broker.pid, 'SIGHUP');
        await until('the new file', () => existsSync(path));
      }
    }
  };
  await Promise.all([ask(), ask(), ask(), ask()]);
  const all = () => [...files, path].flatMap((file) => entriesOf(file)).filter((entry) => entry.event === 'request');
  await until('all are told', () => all().length >= count);
  assert.equal(all().length, count);
  assert.equal(new Set(all().map((entry) => entry.request)).size, count, 'each once');
  assert.ok(files.length >= 4 && files.every((file) => entriesOf(file).length > 0));

  // Where it cannot be opened anew, the old one goes on.
  renameSync(path, join(scratch, 'kept.log'));
  rmSync(directory, { recursive: true });
  process.kill(broker.pid, 'SIGHUP');
  await until('it is told', () => broker.log().includes('cannot open the access log'));
  await exchange(requestText('GET', '/healthz', { headers: { 'X-Request-Id': 'still' } }));
  await until('the old one goes on', () => entriesOf(join(scratch, 'kept.log')).some((entry) => entry.request === 'still'));
  await broker.stop();
}

// A pipe that nobody reads: requests are answered all the same, and what was dropped is told.
async function checkLoss() {
  const path = join(scratch, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  broker = await Broker.start({ directory: join(scratch, 'loss'), flags: ['--log-format', 'json', '--access-log', path, '--workers', '1'] });
  const count = 250;
  const target = `/${'long/'.repeat(500)}`;
  const agent = createConnection(broker.port, '127.0.0.1');
  let answered = 0;
  agent.setEncoding('latin1').on('data', (text) => { answered += text.split('HTTP/1.1 404').length - 1; });
  for (let i = 0; i < count; i++) {
    agent.write(requestText('GET', target));
    await until('an answer', () => answered > i);
  }
  let text = '';
  const bytes = Buffer.alloc(1 << 16);
  const read = () => {
    try {
      const length = readSync(reader, bytes);
      text += bytes.toString('utf8', 0, length);
      return length > 0;
    } catch (error) {
      assert.equal(error.code, 'EAGAIN');
      return false;
    }
  };
  const lines = () => text.split('\n').slice(0, -1).map(parseJson);
  const told = () => lines().reduce((sum, entry) => sum + (entry.event === 'lines_lost' ? entry.lines : 1), 0);
  await until('the pipe is empty', async () => {
    while (read());
    await sleep(20);
    return !read() && lines().length > 100;
  });
  assert.ok(lines().length < count, 'some were dropped');
  agent.write(requestText('GET', target));
  await until('those that were dropped', () => { read(); return told() === count + 1; });
  assert.equal(lines().filter((entry) => entry.event === 'lines_lost').length, 1);
  agent.destroy();
  await broker.stop();
}

async function checkStderr() {
  broker = await Broker.start({ directory: join(scratch, 'stderr'), flags: ['--log-format', 'logfmt', '--access-log', 'stderr'] });
  for (let i = 0; i < 20; i++) await exchange(requestText('GET', '/healthz', { headers: { 'X-Request-Id': `e${i}` } }));
  await broker.stop();
  await until('the last line', () => linesOf(broker.logPath).some((line) => line.includes('ended')));
  const entries = linesOf(broker.logPath).map(parsePairs);
  assert.equal(entries.filter((entry) => entry.event === 'request').length, 20);
  assert.ok(entries.some((entry) => entry.level === 'info'));
}

// --- secrets ---

async function checkSecrets() {
  const path = join(scratch, 'secrets.log');
  const secrets = ['a body of somebody', 'query-secret', 'cookie-secret', 'password-secret', 'basic-secret', SECRET.toString('base64url')];
  const tokens = [token(), token({}, randomBytes(32)), token({ exp: 1 }), 'forged-one.forged-two.forged-three', token({ ringcast: {} })];
  broker = await Broker.start({ directory: join(scratch, 'secrets'), flags: ['--log-level', 'debug', '--access-log', path, '--auth-keys', keyPath] });
  let count = 0;
  const send = async (method, target, headers) => {
    count++;
    await exchange(requestText(method, target, { headers, body: method === 'POST' ? secrets[0] : undefined }));
  };
  for (const bearer of tokens) {
    for (const target of ['/streams/s?token=query-secret', '/broadcast?access_token=query-secret', '/connections/1/token?x=query-secret', '/stream?stream_id=query-secret']) {
      await send('POST', target, { Authorization: `Bearer ${bearer}` });
      await send('POST', target, { Cookie: `auth_token=${bearer}; other=cookie-secret` });
      await send('GET', target, { Cookie: `auth_token=${bearer}; auth_token=cookie-secret`, Origin: 'https://evil.example' });
    }
  }
  await send('GET', '/streams/s', { Authorization: 'Basic basic-secret' });
  await send('GET', 'http://user:password-secret@localhost/streams/s?q=query-secret', {});
  await send('GET', 'http://user:password-secret@local host/streams/s', {});
  await send('GET', '//user:x@localhost/streams/s?q=query-secret#query-secret', {});
  await until('all are told', () => linesOf(path).length >= count);
  await broker.stop();
  await until('the last line', () => linesOf(broker.logPath).some((line) => line.includes('ended')));
  const text = readFileSync(path, 'utf8') + readFileSync(broker.logPath, 'utf8');
  for (const secret of [...secrets, ...tokens, ...tokens.flatMap((bearer) => bearer.split('.').slice(1))]) {
    assert.ok(!text.includes(secret), `in the logs: ${secret}`);
  }
}

test(async ({ say }) => {
  for (const format of Object.keys(parsers)) {
    await checkCases(format);
    await checkErrors(format);
    say(`each kind of request, in ${format}`);
  }
  await checkEnds();
  say('ends of streams');
  await checkIds();
  say('request ids');
  await checkRotation();
  say('rotation');
  await checkLoss();
  say('loss');
  await checkStderr();
  say('standard error');
  await checkSecrets();
  say('no secrets');
});

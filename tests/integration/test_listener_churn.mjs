// Connections of all kinds over all listeners (plain, TLS, PROXY, Unix, both, admin), cut off anywhere, while settings are
// read again all the time: afterwards nothing of them is left. Every gauge is back at 0, what was accepted was closed, each
// closed for one reason, addresses and subjects have all of their places again, and the access log has an end for each start.
// timeout: 240
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Broker, Lines, scratch, sleep, slowness, test, until } from './broker.mjs';
import { Authority } from './certificates.mjs';
import { scrape, valueOf } from './metrics.mjs';

const ROUNDS = Number(process.env.CHURN_ROUNDS ?? (slowness === 1 ? 50 : 20));
const AT_ONCE = 60;
const PLACES = 3; // of an address and of a subject, when all is over
const path = join(scratch, 'ringcast.toml');
const accessLog = (i) => join(scratch, `access${i}.log`);
const secret = randomBytes(32).toString('hex');
const keyPath = join(scratch, 'secret.key');
writeFileSync(keyPath, secret, { mode: 0o600 });
const authority = new Authority();
const pairs = [authority.make('one'), authority.make('two')];

const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
function tokenOf(subject) {
  const claims = { sub: subject, exp: Math.floor(Date.now() / 1000) + 3600, ringcast: { read: ['**'], write: ['**'] } };
  const text = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
const subjects = ['alice', 'bob'];
const tokens = subjects.map(tokenOf);

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const text = (list) => `[${list.map((one) => JSON.stringify(one)).join(', ')}]`;

// --- settings, any of them ---

const settingsOf = (i) => `
[server]
trusted_proxies = ${text(pick([['127.0.0.1/32'], ['127.0.0.1', '127.0.0.3']]))}
forwarded = "${pick(['none', 'x-forwarded-for', 'x-forwarded-for', 'forwarded'])}"
[limits]
connections_per_address = ${pick([0, 0, 20, 4])}
connections_per_subject = ${pick([0, 0, 10, 2])}
requests_per_address = ${pick([0, 0, 1000, 50])}
request_timeout = "${pick(['300ms', '1s'])}"
[auth]
keys = ${text([keyPath])}
anonymous = "${pick(['all', 'all', 'read', 'none'])}"
[tls]
certificate = ${text([pairs[i % 2].certificate])}
key = ${text([pairs[i % 2].key])}
tickets = ${pick(['true', 'false'])}
[streaming.sse]
heartbeat_interval = "${pick(['100ms', '1h'])}"
max_connections = ${pick([1000, 1000, 40])}
[logging]
format = "json"
access_log = ${JSON.stringify(pick([accessLog(0), accessLog(1), accessLog(0)]))}
`;
const LAST = `
[server]
trusted_proxies = ["127.0.0.1/32"]
forwarded = "x-forwarded-for"
[limits]
connections_per_address = ${PLACES}
connections_per_subject = ${PLACES}
[auth]
keys = ${text([keyPath])}
anonymous = "all"
[tls]
certificate = ${text([pairs[0].certificate])}
key = ${text([pairs[0].key])}
[logging]
format = "json"
access_log = ${JSON.stringify(accessLog(0))}
`;

// --- visitors ---

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const proxyHeader = (address, command = 1) => Buffer.concat([SIGNATURE, Buffer.from([0x20 + command, 0x11, 0, 12,
  ...address.split('.').map(Number), 10, 0, 0, 1, 1, 1, 0, 80])]);

const PEERS = ['127.0.0.2', '127.0.0.3'];
const FORWARDED = ['203.0.113.1', '203.0.113.2'];
const PROXIED = ['198.51.100.1', '198.51.100.2'];

const request = (target, more = '', body = '') => `${body === '' ? 'GET' : 'POST'} ${target} HTTP/1.1\r\nHost: a\r\n` +
  (body === '' ? '' : `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n`) + `${more}\r\n${body}`;
const fields = () => pick(['', `X-Forwarded-For: ${pick(FORWARDED)}\r\n`, `X-Forwarded-For: nonsense, ,\r\n`,
  `Forwarded: for="${pick(FORWARDED)}"\r\n`, `Authorization: Bearer ${pick(tokens)}\r\n`, 'Authorization: Bearer x\r\n',
  `X-Request-Id: ${pick(['mine', '"\\n', 'x'.repeat(70)])}\r\n`, 'User-Agent: "\\\x1b\xff\r\n',
  `X-Forwarded-For: ${pick(FORWARDED)}\r\nAuthorization: Bearer ${pick(tokens)}\r\n`]);
const one = () => pick([
  () => request('/healthz', fields()), () => request('/readyz', fields()), () => request('/metrics', fields()),
  () => request('/stats', fields()), () => request('/streams/churn', fields()),
  () => request('/streams/churn?from=earliest&batch=5', fields()), () => request('/streams/churn?events_per_second=2', fields()),
  () => request(`/streams/only/${Math.random()}`, fields()), () => request('/streams/churn', fields(), 'x'.repeat(pick([1, 100, 20_000]))),
  () => request('/streams?limit=3', fields()), () => request('/nothing%', fields()), () => request('/streams/churn?view=info', fields()),
  () => 'nonsense\r\n\r\n', () => request('/healthz', 'Connection: close\r\n'),
])();
const words = () => Array.from({ length: pick([0, 1, 1, 2, 3]) }, one).join('');

function doorsOf(broker) {
  const tcp = [...broker.line.matchAll(/(https?):\/\/127\.0\.0\.1:(\d+)/g)].map(([, , port]) => Number(port));
  const [plain, tls, proxy, proxyTls, admin, adminTls] = tcp;
  const unix = join(scratch, 'plain.sock');
  const unixProxy = join(scratch, 'proxy.sock');
  return [{ port: plain }, { port: tls, isTls: true }, { port: proxy, isProxy: true }, { port: proxyTls, isTls: true, isProxy: true },
    { path: unix }, { path: unixProxy, isProxy: true }, { port: admin, isAdmin: true }, { port: adminTls, isTls: true, isAdmin: true }];
}

const open = (door, from = '127.0.0.1') => createConnection(door.path !== undefined ? { path: door.path }
  : { port: door.port, host: '127.0.0.1', localAddress: from });

async function visit(doors) {
  const door = pick(doors);
  const raw = open(door, pick(['127.0.0.1', '127.0.0.1', ...PEERS]));
  raw.on('error', () => {});
  const closed = new Promise((resolve) => raw.on('close', resolve));
  if (door.isProxy) {
    const header = Buffer.concat([proxyHeader(pick(PROXIED), pick([0, 1, 1, 1])), Buffer.from(door.isTls ? '' : words(), 'latin1')]);
    raw.write(Math.random() < 0.8 ? header : header.subarray(0, Math.floor(Math.random() * header.length)));
  }
  let socket = raw;
  if (door.isTls && Math.random() < 0.85) {
    socket = connectTls({ socket: raw, rejectUnauthorized: false, maxVersion: pick(['TLSv1.2', 'TLSv1.3']) });
    socket.on('error', () => {});
  }
  if (Math.random() < 0.8) socket.resume(); // else it never reads
  const said = Buffer.from(words(), 'latin1');
  socket.write(Math.random() < 0.8 ? said : said.subarray(0, Math.floor(Math.random() * said.length)));
  await sleep(Math.random() * 40);
  switch (pick(['reset', 'end', 'destroy', 'raw end', 'stay'])) {
    case 'reset': if (door.path === undefined && socket === raw) raw.resetAndDestroy(); break;
    case 'end': socket.end(pick(['', 'GET /heal'])); await sleep(Math.random() * 20); break;
    case 'raw end': raw.end(); await sleep(Math.random() * 20); break;
    case 'stay': await sleep(Math.random() * 200 * slowness); break;
    default: break;
  }
  raw.destroy();
  socket.destroy();
  await closed;
}

// --- what is left ---

async function isQuiet(broker) {
  const families = await scrape(broker);
  const at = (state) => valueOf(families, 'ringcast_connections', { state });
  return at('connecting') <= 1 && at('streaming') + at('throttled') + at('draining') === 0 ? families : null;
}

// The scrape's own connection is open.
async function checkCounters(broker) {
  const families = await until('no connection but the one that asks', () => isQuiet(broker));
  const accepted = valueOf(families, 'ringcast_connections_accepted_total');
  assert.equal(valueOf(families, 'ringcast_connections_closed_total'), accepted - 1, 'each was closed for one reason');
  const { workers } = await broker.status();
  const sum = (name) => workers.reduce((total, worker) => total + worker[name], 0);
  assert.equal(sum('streaming'), 0);
  await until('all streams are left', async () => {
    const status = await broker.status();
    return status.workers.every(({ streams }) => streams === 0);
  });
  return accepted;
}

// A subscription's status; it is left open, and so keeps its place.
async function subscribe(opened, door, from, before, more) {
  const socket = open(door, from);
  opened.push(socket);
  socket.on('error', () => {});
  let came = '';
  socket.setEncoding('latin1').on('data', (piece) => { came += piece; });
  socket.write(Buffer.concat([before, Buffer.from(request('/streams/churn', more))]));
  await until('an answer', () => /\r\n\r\n/.test(came) || socket.destroyed);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(came)?.[1]);
}

async function checkPlaces(doors) {
  const [plain, , proxy] = doors;
  const none = Buffer.alloc(0);
  const cases = [
    ...PEERS.map((from) => [`peer ${from}`, plain, from, none, '']),
    ...FORWARDED.map((address) => [`forwarded ${address}`, plain, '127.0.0.1', none, `X-Forwarded-For: ${address}\r\n`]),
    ...PROXIED.map((address) => [`proxied ${address}`, proxy, '127.0.0.1', proxyHeader(address), '']),
    ...tokens.map((token, i) => [`subject ${subjects[i]}`, { path: join(scratch, 'plain.sock') }, '', none, `Authorization: Bearer ${token}\r\n`]),
  ];
  const opened = [];
  for (const [name, ...how] of cases) {
    const statuses = [];
    for (let i = 0; i <= PLACES; i++) statuses.push(await subscribe(opened, ...how));
    assert.deepEqual(statuses, [...Array(PLACES).fill(200), 429], `places of ${name}`);
  }
  for (const socket of opened) socket.destroy();
}

function checkAccessLog() {
  const entries = readdirSync(scratch).filter((name) => /^access\d\.log$/.test(name))
    .flatMap((name) => readFileSync(join(scratch, name), 'utf8').trimEnd().split('\n')).map((line) => JSON.parse(line));
  const kept = new Map(); // of each connection's streams, how many have begun and ended
  const seen = new Map();
  for (const { event, connection, request: id } of entries) {
    seen.set(event, (seen.get(event) ?? 0) + 1);
    if (event === 'stream_start') kept.set(`${connection} ${id}`, (kept.get(`${connection} ${id}`) ?? 0) + 1);
    if (event === 'stream_end') kept.set(`${connection} ${id}`, (kept.get(`${connection} ${id}`) ?? 0) - 1);
  }
  assert.deepEqual([...kept].filter(([, balance]) => balance !== 0), [], 'a start and an end of each stream');
  assert.ok(!seen.has('lines_lost'), 'no line was lost');
  return Object.fromEntries(seen);
}

test(async ({ say }) => {
  writeFileSync(path, settingsOf(0));
  const broker = await Broker.start({
    flags: ['--config', path, '--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls', '--listen', '127.0.0.1:0,proxy',
      '--listen', '127.0.0.1:0,tls,proxy', '--listen', `unix:${join(scratch, 'plain.sock')}`,
      '--listen', `unix:${join(scratch, 'proxy.sock')},proxy`, '--admin-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0,tls',
      '--body-timeout', '500ms', '--ring-descriptors', '256'],
  });
  const doors = doorsOf(broker);
  const producer = await Lines.connect(broker.socket);
  const read = () => readFileSync(broker.logPath, 'utf8').split(/settings and keys read again|nothing was changed/).length - 1;
  let isOver = false;
  const talking = (async () => {
    for (let i = 0; !isOver; i++) {
      await producer.publish('churn', `event ${i}`);
      await sleep(2);
    }
  })();
  let reloads = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const visits = Array.from({ length: AT_ONCE }, () => visit(doors));
    for (let i = 0; i < 2; i++, reloads++) {
      writeFileSync(path, round % 10 === 9 ? 'nonsense' : settingsOf(reloads));
      broker.child.process.kill('SIGHUP');
      await sleep(Math.random() * 20);
    }
    await Promise.all(visits);
  }
  isOver = true;
  await talking;
  writeFileSync(path, LAST);
  const before = read();
  broker.child.process.kill('SIGHUP');
  await until('the last reload', () => read() > before);
  producer.close();
  const accepted = await checkCounters(broker);
  await checkPlaces(doors);
  await checkCounters(broker);
  await broker.stop();
  say(`${accepted} connections, ${reloads} reloads; the access log has ${JSON.stringify(checkAccessLog())}`);
});

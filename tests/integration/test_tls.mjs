// TLS as clients use it: curl, openssl s_client, Node's https, npm's eventsource; bodies, slow readers, tickets, names,
// certificates that change under load, and plain HTTP where TLS is spoken.
// timeout: 180
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { load } from '../npm.mjs';
import { Broker, Lines, Subscriber, scratch, sleep, test, until, within } from './broker.mjs';
import { Authority, flagsOf } from './certificates.mjs';

const { EventSource } = load('eventsource');
const PLAIN_AND_TLS = ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls', '--anonymous', 'all'];

const authority = new Authority();

// What a program writes to standard output, and how it ended.
const run = (command, args, { input = '' } = {}) => within(`${command} ends`, new Promise((resolve) => {
  const child = execFile(command, args, { maxBuffer: 64 << 20 }, (error, out, errors) => {
    resolve({ code: error === null ? 0 : error.code, out, errors });
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
}));

const curl = (broker, path, ...args) => run('curl', ['-sS', '--cacert', authority.path, '--max-time', '20', ...args,
  `https://localhost:${broker.tlsPort}${path}`]);

// The broker as Subscriber wants it, with connections by TLS.
const byTls = (broker, options = {}) => ({
  connect: () => connect({ port: broker.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: authority.pem, ...options }),
});

// A connection by TLS once its handshake is over.
async function shakeHands(broker, options = {}) {
  const socket = byTls(broker, options).connect();
  await within('a handshake', new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  }));
  return socket;
}

async function testVersions(broker) {
  for (const [flag, version] of [['--tlsv1.2', '1.2'], ['--tlsv1.3', '1.3']]) {
    const { code, out, errors } = await curl(broker, '/healthz', flag, '--tls-max', version);
    assert.equal(code, 0, errors);
    assert.match(out, /^ok/);
  }
  const older = await curl(broker, '/healthz', '--tlsv1.0', '--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0');
  assert.equal(older.code, 35, 'TLS 1.1 is refused in the handshake');
  const told = await run('openssl', ['s_client', '-connect', `127.0.0.1:${broker.tlsPort}`, '-servername', 'localhost',
    '-CAfile', authority.path, '-verify_return_error', '-alpn', 'h2,http/1.1', '-ign_eof'],
  { input: 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' });
  assert.equal(told.code, 0, told.errors);
  assert.match(told.out, /ALPN protocol: http\/1\.1/);
  assert.match(told.out, /HTTP\/1\.1 200 OK[\s\S]*ok/);
  assert.match(told.out, /closed/);
  const other = await run('openssl', ['s_client', '-connect', `127.0.0.1:${broker.tlsPort}`, '-alpn', 'h2']);
  assert.match(other.errors, /no application protocol/);
}

// Bodies of all sizes by TLS; a plain subscriber and one by TLS get the same.
async function testBodies(broker) {
  const plain = await new Subscriber(broker, '/streams/bodies').begun();
  const sealed = await new Subscriber(byTls(broker), '/streams/bodies').begun();
  const sizes = [1, 100, 4000, 4096, 5000, 16_384, 70_000, 900_000];
  for (const size of sizes) {
    const path = join(scratch, 'body');
    writeFileSync(path, randomBytes(size).toString('base64').slice(0, size));
    const { out, errors } = await curl(broker, '/streams/bodies', '-H', 'Content-Type: text/plain',
      '--data-binary', `@${path}`);
    assert.match(out, /"accepted":1/, `${out} ${errors}`);
  }
  const wanted = await plain.has(sizes.length);
  assert.deepEqual(wanted.map((event) => event.data.length), sizes);
  assert.deepEqual(await sealed.has(sizes.length), wanted);
  plain.close();
  sealed.close();
}

// Several requests over one connection; the pieces of one come one by one.
async function testRequests(broker) {
  const socket = await shakeHands(broker);
  let got = '';
  socket.setEncoding('utf8').on('data', (text) => { got += text; });
  const ask = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (const byte of ask) {
    socket.write(byte);
    await sleep(1);
  }
  await until('the first answer', () => got.split('200 OK').length === 2);
  socket.write(ask + ask + ask.slice(0, 10));
  await until('two more', () => got.split('200 OK').length === 4);
  socket.write(ask.slice(10));
  await until('the last one', () => got.split('200 OK').length === 5);
  socket.end();
  await within('the end', new Promise((resolve) => socket.once('close', resolve)));
  const pages = await curl(broker, '/');
  assert.match(pages.out, /<!doctype html>/i);
}

async function testEventSource(broker, lines) {
  const numbers = [];
  const fetchByTls = (url, { headers }) => new Promise((resolve, reject) => {
    const asked = request(url, { headers, ca: authority.pem }, (answer) => {
      resolve({ status: answer.statusCode, url, redirected: false, headers: new Headers(answer.headers),
        body: { getReader: () => {
          const chunks = answer[Symbol.asyncIterator]();
          return { read: () => chunks.next(), cancel: () => answer.destroy() };
        } } });
    });
    asked.on('error', reject);
    asked.end();
  });
  const url = `https://localhost:${broker.tlsPort}/streams/es?from=earliest`;
  const source = new EventSource(url, { fetch: fetchByTls });
  source.addEventListener('count', (event) => numbers.push(Number(event.data)));
  for (let i = 1; i <= 100; i++) await lines.ask({ stream: 'es', type: 'count', data: String(i) });
  await until('100 events by EventSource', () => numbers.length === 100);
  assert.deepEqual(numbers, Array.from({ length: 100 }, (_, i) => i + 1));
  source.close();
}

// A reader that stalls over TLS loses what its limit says, and is told exactly that; it then goes on with the newest.
async function testSlowReader(broker, lines) {
  const COUNT = 4000;
  const slow = await new Subscriber(byTls(broker, { highWaterMark: 1 << 10 }), '/streams/slow?lag_events=50').begun();
  const quick = await new Subscriber(byTls(broker), '/streams/slow').begun();
  slow.socket.pause();
  for (let i = 1; i <= COUNT; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, k) => lines.ask({ stream: 'slow', data: `${i + k}`.padEnd(2000, '.') })));
  }
  await until('all is there for who reads', () => quick.events.length === COUNT);
  slow.socket.resume();
  const gaps = () => slow.events.filter((event) => event.type === 'gap').map((event) => JSON.parse(event.data));
  const lost = () => gaps().reduce((sum, gap) => sum + gap.count, 0);
  await until('all came or is told as missing', () => slow.failure ?? slow.events.length - gaps().length + lost() === COUNT);
  assert.equal(slow.failure, null);
  assert.ok(gaps().length > 0, 'it was too slow');
  const ids = slow.events.map((event) => event.id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'in order, none twice');
  slow.close();
  quick.close();
}

// Whoever has been here before comes back by a ticket, whichever worker takes it.
async function testTickets(broker, version) {
  const first = connect({ port: broker.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: authority.pem,
    maxVersion: version });
  const session = await within('a ticket', new Promise((resolve, reject) => {
    first.on('error', reject);
    first.once('session', resolve);
    first.once('secureConnect', () => first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    first.resume();
  }));
  first.destroy();
  for (let i = 0; i < 8; i++) {
    const socket = await shakeHands(broker, { session, maxVersion: version });
    assert.ok(socket.isSessionReused(), `${version} with a ticket`);
    socket.destroy();
  }
  return session;
}

const nameShown = async (broker, servername, options = {}) => {
  const socket = await shakeHands(broker, { servername, rejectUnauthorized: false, ...options });
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
};

async function testNames(broker) {
  assert.equal(await nameShown(broker, 'localhost'), 'localhost');
  assert.equal(await nameShown(broker, 'other.test'), 'other.test');
  assert.equal(await nameShown(broker, 'unknown.test'), 'localhost');
}

// What comes to the wrong port is told so.
async function testWrongPort(broker) {
  const { out } = await run('curl', ['-sS', '-i', '--max-time', '10', `http://127.0.0.1:${broker.tlsPort}/healthz`]);
  assert.match(out, /^HTTP\/1\.1 400 /);
  assert.match(out, /this port speaks TLS/);
  const wrong = await run('curl', ['-sS', '-k', '--max-time', '10', `https://127.0.0.1:${broker.port}/healthz`]);
  assert.equal(wrong.code, 35, 'a handshake with a listener without TLS');
  await until('it is told', () => /TLS came to a listener without/.test(broker.log()));
}

// New files are taken while events flow; faulty ones are told of, and change nothing.
async function testOtherCertificates(broker, lines, pair) {
  const reader = await new Subscriber(byTls(broker), '/streams/renewed').begun();
  let published = 0;
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await lines.ask({ stream: 'renewed', data: String(++published) });
      await sleep(2);
    }
  })();
  const session = await testTickets(broker, 'TLSv1.3');
  authority.make('first', 'renewed.test');
  await until('the new certificate is shown', async () => (await nameShown(broker, 'unknown.test')) === 'renewed.test');
  const back = await shakeHands(broker, { session });
  assert.ok(back.isSessionReused(), 'tickets of before count');
  back.destroy();
  const good = readFileSync(pair.key);
  writeFileSync(pair.key, 'no key');
  await until('it is told', () => /first\.key: holds no private key.*stay what they were/.test(broker.log()));
  assert.equal(await nameShown(broker, 'unknown.test'), 'renewed.test');
  writeFileSync(pair.key, good);
  isOver = true;
  await publishing;
  await reader.has(published);
  assert.deepEqual(reader.events.map((event) => Number(event.data)), Array.from({ length: published }, (_, i) => i + 1));
  reader.close();
}

test(async ({ say }) => {
  const pair = authority.make('first');
  const broker = await Broker.start({ flags: [...PLAIN_AND_TLS, ...flagsOf(pair, authority.make('other', 'other.test'))] });
  const lines = await Lines.connect(broker.socket);
  await testVersions(broker);
  say('curl and s_client, TLS 1.2 and 1.3');
  await testBodies(broker);
  say('bodies');
  await testRequests(broker);
  say('requests on one connection');
  await testEventSource(broker, lines);
  say('EventSource');
  await testSlowReader(broker, lines);
  say('a slow reader');
  await testTickets(broker, 'TLSv1.2');
  await testTickets(broker, 'TLSv1.3');
  say('tickets');
  await testNames(broker);
  await testWrongPort(broker);
  say('names, and wrong ports');
  await testOtherCertificates(broker, lines, pair);
  say('other certificates');
  lines.close();
  await broker.stop();
});

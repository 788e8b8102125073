// Connections that come by proxies: whose they are, by the PROXY protocol's header of version 2 and by the fields that
// proxies add to requests; who may say so; and that limits, listings and rates are the client's.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Broker, scratch, sleep, test, until, within } from './broker.mjs';
import { Authority, flagsOf } from './certificates.mjs';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

// A header of version 2 for a client, with so many bytes of TLVs.
function proxyHeader({ address = null, port = 4711, command = 1, more = 0 }) {
  let body = Buffer.alloc(0);
  let transport = 0;
  if (address?.includes(':')) {
    transport = 0x21;
    body = Buffer.alloc(36);
    const groups = address.split(':').map((group) => Number.parseInt(group || '0', 16)); // a::b is not written here
    groups.forEach((group, i) => body.writeUInt16BE(group, 2 * i));
    body.writeUInt16BE(port, 32);
  } else if (address) {
    transport = 0x11;
    body = Buffer.from([...address.split('.').map(Number), 10, 0, 0, 1, port >> 8, port & 255, 0, 80]);
  }
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length + more);
  return Buffer.concat([SIGNATURE, Buffer.from([0x20 + command, transport]), length, body, Buffer.alloc(more)]);
}

// A connection that is written to in pieces; `text` is what came of it.
class Client {
  constructor(where, from = '127.0.0.1') {
    this.text = '';
    this.isClosed = false;
    this.socket = createConnection(typeof where === 'number' ? { port: where, host: '127.0.0.1', localAddress: from } : { path: where });
    this.socket.setEncoding('utf8').on('data', (piece) => { this.text += piece; });
    this.socket.on('error', () => {});
    this.socket.on('close', () => { this.isClosed = true; });
  }

  write(bytes) { this.socket.write(bytes); return this; }

  get(path, fields = {}) {
    const lines = Object.entries({ Host: 'a', Accept: 'text/event-stream', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`);
    return this.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  }

  // The status of the next answer, whose text is dropped up to its header's end.
  async status() {
    await until('an answer', () => /\r\n\r\n/.test(this.text) || this.isClosed);
    const match = /^HTTP\/1\.1 (\d+)[^]*?\r\n\r\n/.exec(this.text);
    assert.ok(match, `no answer: ${this.text}`);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(match[0])?.[1] ?? 0);
    await until('its body', () => this.text.length >= match[0].length + length);
    this.text = this.text.slice(match[0].length + length);
    return Number(match[1]);
  }

  async closed() { await until('it is closed', () => this.isClosed); return this.text; }
  close() { this.socket.destroy(); }
}

const addresses = async (broker) => (await broker.ask({ op: 'connections' })).connections.map(({ address }) => address).sort();
const told = (broker, text) => until(`the log tells: ${text}`, () => readFileSync(broker.logPath, 'utf8').includes(text));

async function proxyProtocol(say) {
  const local = join(scratch, 'proxied.sock');
  const broker = await Broker.start({
    directory: join(scratch, 'proxy'),
    flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,proxy', '--listen', `unix:${local},proxy`, '--trusted-proxies', '127.0.0.0/30',
      '--connections-per-address', '2', '--request-timeout', '2s'],
  });
  const port = Number(/http:\/\/[\d.:]+, http:\/\/127\.0\.0\.1:(\d+)/.exec(broker.line)[1]);
  const clients = [];
  const open = (where, header, from) => {
    const client = new Client(where, from).write(header);
    clients.push(client);
    return client;
  };
  // Of all kinds, each with the client's address.
  assert.equal(await open(port, proxyHeader({ address: '192.0.2.7' })).get('/streams/a').status(), 200);
  assert.equal(await open(port, proxyHeader({ address: '2001:db8:0:0:0:0:0:7', more: 100 })).get('/streams/a').status(), 200);
  assert.equal(await open(local, proxyHeader({ address: '192.0.2.8', more: 2036 })).get('/streams/a').status(), 200);
  assert.equal(await open(port, proxyHeader({ command: 0 })).get('/streams/a').status(), 200);
  assert.equal(await open(port, proxyHeader({})).get('/streams/a').status(), 200);
  const pieces = open(port, '');
  const whole = Buffer.concat([proxyHeader({ address: '192.0.2.9', more: 20 }), Buffer.from('GET /streams/a HTTP/1.1\r\nHost: a\r\n\r\n')]);
  for (const byte of whole) {
    pieces.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  assert.equal(await pieces.status(), 200);
  const seen = await addresses(broker);
  for (const address of ['192.0.2.7:4711', '192.0.2.8:4711', '192.0.2.9:4711', '[2001:db8::7]:4711']) {
    assert.ok(seen.includes(address), `${address} among ${seen}`);
  }
  assert.equal(seen.filter((address) => address.startsWith('127.0.0.1:')).length, 2, 'LOCAL and UNSPEC are the proxy\'s own');

  // Limits are the client's; the proxy has none.
  const second = open(port, proxyHeader({ address: '192.0.2.7' }));
  assert.equal(await second.get('/streams/a').status(), 200);
  const third = open(port, proxyHeader({ address: '192.0.2.7' }));
  assert.equal(await third.get('/streams/a').status(), 429);
  assert.equal(await open(port, proxyHeader({ address: '192.0.2.70' })).get('/streams/a').status(), 200);
  second.close();
  await until('its place is free', async () => await open(port, proxyHeader({ address: '192.0.2.7' })).get('/streams/a').status() === 200);

  // Those who may not, and what is no header.
  assert.equal(await open(port, proxyHeader({ address: '192.0.2.7' }), '127.0.0.9').closed(), '');
  await told(broker, 'a connection to a listener with proxy was closed: it is none of --trusted-proxies address=127.0.0.9');
  assert.equal(await open(port, 'PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\nGET / HTTP/1.1\r\n').closed(), '');
  await told(broker, 'version 1 of the PROXY protocol');
  assert.equal(await open(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n').closed(), '');
  const large = proxyHeader({ address: '192.0.2.7', more: 2037 });
  assert.equal(await open(port, large).closed(), '');
  const slow = open(port, proxyHeader({ address: '192.0.2.7' }).subarray(0, 20));
  assert.equal(await within('it is closed in time', slow.closed()), '');
  for (const client of clients) client.close();
  await broker.stop();
  say('PROXY');
}

async function forwarded(say, form, field) {
  const local = join(scratch, `${form}.sock`);
  const broker = await Broker.start({
    directory: join(scratch, form),
    flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,proxy', '--listen', `unix:${local}`, '--trusted-proxies', '127.0.0.0/30,10.0.0.0/8',
      '--forwarded', form, '--connections-per-address', '2', '--requests-per-address', '20'],
  });
  const port = Number(/http:\/\/[\d.:]+, http:\/\/127\.0\.0\.1:(\d+)/.exec(broker.line)[1]);
  const clients = [];
  const open = (where, from) => {
    const client = new Client(where, from);
    clients.push(client);
    return client;
  };
  const streamOf = async (client, value) => client.get('/streams/a', value === null ? {} : field(value)).status();

  // Several requests on a connection may be several clients'; the last one's stream is listed as its own.
  const proxy = open(broker.port);
  for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::3']) {
    assert.equal(await proxy.get('/healthz', field(address)).status(), 200);
    assert.ok((await addresses(broker)).some((listed) => listed === (address.includes(':') ? `[${address}]:0` : `${address}:0`)));
  }
  assert.equal(await streamOf(proxy, '192.0.2.4'), 200);
  assert.deepEqual(await addresses(broker), ['192.0.2.4:0']);

  // Connections count for the client whose request was the last.
  assert.equal(await streamOf(open(local), '192.0.2.4'), 200);
  const third = open(broker.port);
  assert.equal(await streamOf(third, '192.0.2.4'), 429);
  assert.equal(await third.get('/healthz', field('192.0.2.5')).status(), 200, 'the connection goes on with others');
  assert.equal(await streamOf(third, '192.0.2.5'), 200);
  proxy.close();
  await until('the place is free', async () => await streamOf(open(broker.port), '192.0.2.4') === 200);

  // The header of PROXY says who the next one is: a trusted one may go on.
  assert.equal(await streamOf(open(port).write(proxyHeader({ address: '10.1.2.3' })), '192.0.2.8'), 200);
  assert.equal(await streamOf(open(port).write(proxyHeader({ address: '192.0.2.9' })), '192.0.2.10'), 200);
  const seen = await addresses(broker);
  assert.ok(seen.includes('192.0.2.8:0') && seen.includes('192.0.2.9:4711') && !seen.some((listed) => listed.startsWith('192.0.2.10')), `${seen}`);

  // Who is not trusted says nothing of others, and what nobody can read counts for the proxy.
  assert.equal(await streamOf(open(broker.port, '127.0.0.9'), '192.0.2.11'), 200);
  assert.ok((await addresses(broker)).some((listed) => listed.startsWith('127.0.0.9:')));
  assert.equal(await streamOf(open(broker.port, '127.0.0.2'), 'nonsense'), 200);
  assert.equal(await streamOf(open(broker.port, '127.0.0.2'), null), 200);
  assert.equal(await streamOf(open(broker.port, '127.0.0.2'), 'nonsense'), 429);
  await told(broker, 'cannot be read: the request counts as its own');

  // Rates, too: one client's are at their end, the next one's are not.
  const many = open(broker.port);
  for (let i = 0; i < 300; i++) many.get('/healthz', field('192.0.2.12'));
  let refused = 0;
  for (let i = 0; i < 300; i++) refused += await many.status() === 429 ? 1 : 0;
  assert.ok(refused > 0, 'a client is slowed down');
  assert.equal(await many.get('/healthz', field('192.0.2.13')).status(), 200);
  for (const client of clients) client.close();
  await broker.stop();
  say(form);
}

// What breaks off, or cannot be read, before it says whose it is, is not told of the client before it.
async function nobodys(say) {
  const path = join(scratch, 'access.log');
  const broker = await Broker.start({
    directory: join(scratch, 'nobodys'),
    flags: ['--trusted-proxies', '127.0.0.1,10.0.0.0/8', '--forwarded', 'x-forwarded-for', '--access-log', path, '--log-format', 'json'],
  });
  const faulty = ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n', 'GET /healthz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n'];
  for (const text of faulty) {
    const client = new Client(broker.port);
    assert.equal(await client.get('/healthz', asX('192.0.2.1')).status(), 200);
    client.write(text);
    await sleep(100);
    client.close();
  }
  let entries = [];
  await until('four lines', () => {
    entries = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    return entries.length === 4;
  });
  const addressesOf = (wanted) => entries.filter(wanted).map(({ address }) => address);
  assert.deepEqual(addressesOf(({ status }) => status === 200), Array(2).fill('192.0.2.1'));
  assert.deepEqual(addressesOf(({ status }) => status !== 200), Array(2).fill('127.0.0.1'));
  await broker.stop();
  say("nobody's");
}

const asX = (address) => ({ 'X-Forwarded-For': `198.51.100.1, ${address}, 10.0.0.1` });
const asForwarded = (address) => ({ Forwarded: `for="what, for=${address.includes(':') ? `"[${address}]"` : address};proto=https, for=10.0.0.1` });

// The header comes before TLS, here with the first bytes of the handshake behind it in one piece.
async function beforeTls(say) {
  const authority = new Authority();
  const broker = await Broker.start({
    directory: join(scratch, 'tls'),
    flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls,proxy', '--trusted-proxies', '127.0.0.1',
      ...flagsOf(authority.make('server'))],
  });
  const port = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(broker.line)[1]);
  const plain = createConnection({ port, host: '127.0.0.1' });
  plain.cork();
  plain.write(proxyHeader({ address: '192.0.2.7', more: 50 }));
  const secure = connectTls({ socket: plain, ca: authority.pem, servername: 'localhost' });
  process.nextTick(() => plain.uncork());
  let text = '';
  secure.setEncoding('utf8').on('data', (piece) => { text += piece; });
  secure.write('GET /streams/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  await until('an answer', () => text.includes('\r\n\r\n'));
  assert.match(text, /^HTTP\/1\.1 200 OK/);
  assert.deepEqual(await addresses(broker), ['192.0.2.7:4711']);
  secure.destroy();
  plain.destroy();
  await broker.stop();
  say('PROXY before TLS');
}

test(async ({ say }) => {
  await proxyProtocol(say);
  await forwarded(say, 'x-forwarded-for', asX);
  await forwarded(say, 'forwarded', asForwarded);
  await nobodys(say);
  await beforeTls(say);
});

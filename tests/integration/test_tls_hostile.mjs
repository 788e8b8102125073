// What no good client does: handshakes with bytes turned over, and thousands that are begun and never ended. Subscribers
// beside them miss nothing, others still get in, and the broker's memory stays where it was.
// GARBAGE_SEED repeats a run.
// timeout: 240
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { connect } from 'node:tls';
import { Broker, Lines, Subscriber, sleep, slowness, test, until, within } from './broker.mjs';
import { Authority, flagsOf } from './certificates.mjs';

const MUTATED = slowness === 1 ? 500 : 100;
const HALF_OPEN = slowness === 1 ? 10_000 : 1000;
const AT_ONCE = 50;
const READERS = 20;
// Each of two workers reads 4096 requests at once, of some 36 KiB, and waits for 512 handshakes at the most.
const GROWTH_KIB_MAX = 2 * (4096 * 38 + 512 * 60);
const seed = Number(process.env.GARBAGE_SEED ?? Date.now() % 1_000_000);

const authority = new Authority();

// Mulberry32: repeatable.
function random(state) {
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

// What a client of Node's begins with.
async function helloOf(options) {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hello = new Promise((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
      });
    });
  });
  const client = connect({ port: server.address().port, host: '127.0.0.1', servername: 'localhost', ...options });
  client.on('error', () => {});
  const bytes = await within('a hello', hello);
  server.close();
  return bytes;
}

// Sends the bytes; resolves when the broker has had its say, or a moment has passed.
const play = (broker, bytes, pieces) => within('an end', new Promise((resolve) => {
  const socket = createConnection(broker.tlsPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.on('close', resolve);
  socket.once('data', () => socket.destroy());
  for (const piece of pieces(bytes)) socket.write(piece);
  setTimeout(() => socket.destroy(), 200 * slowness);
}));

async function testMutated(broker, hellos) {
  const roll = random(seed);
  for (let i = 0; i < MUTATED; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => {
      const bytes = Buffer.from(hellos[roll(hellos.length)]);
      for (let changes = 1 + roll(8); changes > 0; changes--) bytes[roll(bytes.length)] ^= 1 << roll(8);
      const end = roll(4) === 0 ? roll(bytes.length) : bytes.length;
      const cut = roll(end + 1);
      return play(broker, bytes.subarray(0, end), (all) => [all.subarray(0, cut), all.subarray(cut)]);
    }));
  }
}

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

// All begin a handshake, and leave the broker's answer where it is.
async function testHalfOpen(broker, hello) {
  const before = rssOf(broker.pid);
  const sockets = [];
  let closed = 0;
  while (sockets.length < HALF_OPEN) {
    for (let i = 0; i < 100; i++) {
      const socket = createConnection(broker.tlsPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => { closed++; });
      socket.pause();
      socket.write(hello);
      sockets.push(socket);
    }
    await sleep(20 * slowness);
  }
  const fresh = await within('a good client gets in', new Promise((resolve, reject) => {
    const socket = connect({ port: broker.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: authority.pem });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  }));
  fresh.destroy();
  const grown = rssOf(broker.pid) - before;
  for (const socket of sockets) socket.resume();
  await until('all but the bounded number are closed', () => closed >= HALF_OPEN - 2 * 600);
  for (const socket of sockets) socket.destroy();
  return grown;
}

test(async ({ say }) => {
  say(`GARBAGE_SEED=${seed}`);
  const broker = await Broker.start({ flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls',
    ...flagsOf(authority.make('first'))] });
  const lines = await Lines.connect(broker.socket);
  const tls = { connect: () => connect({ port: broker.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: authority.pem }) };
  const readers = [];
  for (let i = 0; i < READERS; i++) readers.push(await new Subscriber(i % 2 ? tls : broker, '/streams/beside').begun());
  let published = 0;
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await lines.ask({ stream: 'beside', data: String(++published) });
      await sleep(5);
    }
  })();
  const hellos = [await helloOf({ maxVersion: 'TLSv1.2' }), await helloOf({ minVersion: 'TLSv1.3' })];
  await testMutated(broker, hellos);
  say(`${MUTATED} mutated handshakes`);
  const grown = await testHalfOpen(broker, hellos[1]);
  say(`${HALF_OPEN} half-open handshakes: ${grown} KiB more`);
  if (slowness === 1) assert.ok(grown < GROWTH_KIB_MAX, `${grown} KiB more`);
  isOver = true;
  await publishing;
  for (const reader of readers) {
    const numbers = (await reader.has(published)).map((event) => Number(event.data));
    assert.deepEqual(numbers, Array.from({ length: published }, (_, i) => i + 1));
    reader.close();
  }
  say(`${READERS} subscribers have all of ${published} events`);
  lines.close();
  await broker.stop();
});

// Listeners: several of TCP and Unix beside each other, those for administrators, which are answered however full the
// broker is, and what is told where one cannot be had.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync, existsSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { binary, Broker, Lines, scratch, Subscriber, test, until, within } from './broker.mjs';

const CONNECTIONS_MAX = 20;
const ADMIN_MAX = 32;

// The status of the answer to GET, by a port or a socket's path.
function get(where, path, keep = false) {
  return within(`GET ${path}`, new Promise((resolve, reject) => {
    const socket = createConnection(typeof where === 'number' ? { port: where, host: '127.0.0.1' } : { path: where });
    let text = '';
    socket.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const status = /^HTTP\/1\.1 (\d+)[^]*\r\n\r\n/.exec(text)?.[1];
      if (!status) return;
      if (!keep) socket.destroy();
      resolve({ status: Number(status), text, socket });
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed: ${text}`)));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }));
}

// Subscribes over a Unix socket.
function subscribeLocally(path, stream) {
  const socket = createConnection({ path });
  const seen = { text: '', socket };
  socket.setEncoding('utf8').on('data', (piece) => { seen.text += piece; });
  socket.on('error', () => {});
  socket.write(`GET /streams/${stream} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n`);
  return seen;
}

async function allAtOnce() {
  const directory = join(scratch, 'several');
  const local = join(scratch, 'several.sock');
  const broker = await Broker.start({
    directory,
    flags: ['--listen', '127.0.0.1:0', '--listen', `unix:${local},mode=0600`, '--listen', '[::1]:0', '--admin-listen', '127.0.0.1:0',
      '--connections-max', String(CONNECTIONS_MAX), '--link-interval', '1s'],
  });
  assert.equal(statSync(local).mode & 0o777, 0o600);
  const [, port6] = /http:\/\/\[::1\]:(\d+)/.exec(broker.line);
  const subscriber = new Subscriber(broker, '/streams/a');
  await subscriber.begun();
  const locals = Array.from({ length: 4 }, () => subscribeLocally(local, 'a')); // both workers have some
  await until('they have begun', () => locals.every(({ text }) => text.includes('200 OK')));
  const lines = await Lines.connect(broker.socket);
  for (let i = 0; i < 200; i++) await lines.publish('a', `event ${i} ${'x'.repeat(2000)}`);
  await subscriber.has(200);
  await until('they have all', () => locals.every(({ text }) => text.includes('data: event 199 ')));
  for (const { text } of locals) assert.equal(text.match(/^data: event /gm).length, 200);
  assert.equal((await get(local, '/healthz')).status, 200);
  const six = createConnection({ host: '::1', port: Number(port6) });
  await within('a connection over IPv6', new Promise((resolve, reject) => six.once('connect', resolve).once('error', reject)));
  const { connections } = await broker.ask({ op: 'connections' });
  assert.equal(connections.filter(({ address }) => address === 'unix:').length, 4);

  // Full: one more is refused, an administrator is not.
  const kept = [];
  await until('the broker is full', async () => {
    const more = new Subscriber(broker, '/streams/a');
    await until('it is answered', () => more.header !== null || more.socket.destroyed);
    kept.push(more);
    return /^HTTP\/1\.1 503/.test(more.header ?? '');
  });
  assert.equal((await get(local, '/streams/a')).status, 503, 'a Unix socket has no room of its own');
  const admins = [];
  for (let i = 0; i < 8; i++) admins.push(await get(broker.adminPort, '/healthz', true));
  assert.ok(admins.every(({ status }) => status === 200));
  const refused = await get(broker.adminPort, '/streams/a');
  assert.equal(refused.status, 404);
  assert.match(refused.text, /no such resource on an admin listener/);

  // Beyond their bound administrators wait until one of them ends.
  const crowd = Array.from({ length: ADMIN_MAX + 8 }, () => createConnection({ port: broker.adminPort, host: '127.0.0.1' }));
  for (const socket of crowd) socket.on('error', () => {});
  const late = get(broker.adminPort, '/healthz');
  for (const { socket } of admins) socket.destroy();
  for (const socket of crowd) socket.destroy();
  assert.equal((await late).status, 200);
  for (const more of [...kept, ...locals]) more.socket.destroy();
  six.destroy();
  lines.close();
  await broker.stop();
  assert.ok(!existsSync(local), 'the socket goes with the broker');
}

async function afterAKill() {
  const directory = join(scratch, 'killed');
  const local = join(scratch, 'killed.sock');
  const options = { directory, flags: ['--listen', '127.0.0.1:0', '--listen', `unix:${local}`] };
  const first = await Broker.start(options);
  await first.kill();
  assert.ok(existsSync(local), 'it is left behind');
  const second = await Broker.start(options);
  assert.equal((await get(local, '/healthz')).status, 200);
  await second.stop();
}

function refusals() {
  const taken = join(scratch, 'file');
  writeFileSync(taken, '');
  const table = [
    [2, ['--listen', 'nonsense'], "--listen: 'nonsense': this is no address"],
    [2, ['--admin-listen', '127.0.0.1:1,moed=7'], "--admin-listen: '127.0.0.1:1,moed=7': behind the address come"],
    [2, Array(9).fill(['--listen', '127.0.0.1:0']).flat(), 'more than 8 listeners'],
    [1, ['--listen', `unix:${taken}`], `cannot listen on socket ${taken}`],
    [1, ['--listen', 'unix:/nowhere/at/all'], 'make its directory first'],
    [1, ['--listen', 'no.such.host.invalid:80'], 'no.such.host.invalid'],
  ];
  for (const [status, flags, expected] of table) {
    const { status: ended, stderr } = spawnSync(binary, ['serve', '--admin-listen', 'none', '--socket', join(scratch, 'refused.sock'),
      '--data-dir', join(scratch, 'refused'), ...flags], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(ended, status, stderr);
    assert.ok(stderr.includes(expected), `${stderr} has not: ${expected}`);
  }
}

test(async ({ say }) => {
  await allAtOnce();
  say('several listeners, and administrators while it is full');
  await afterAKill();
  say('a socket that was left behind');
  refusals();
  say('refusals');
});

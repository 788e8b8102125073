// SIGHUP with another configuration: what takes effect, for those who come and for those who are there; what needs a
// restart and is told so; faulty files, which change nothing.
// timeout: 180
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, Child, Lines, Subscriber, answerTo, scratch, test, until } from './broker.mjs';

const path = join(scratch, 'ringcast.toml');
const keys = join(scratch, 'secret.key');
const get = (target, fields = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`;
const post = (target, body) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: `
  + `${body.length}\r\nConnection: close\r\n\r\n${body}`;
let broker;

const told = () => readFileSync(broker.logPath, 'utf8');
const count = (text) => told().split(text).length - 1;

// Returns what is told of it.
async function reload(text, { isGood = true } = {}) {
  const before = told().length;
  const end = isGood ? 'settings and keys read again' : 'nothing was changed';
  const already = count(end);
  writeFileSync(path, text);
  broker.child.process.kill('SIGHUP');
  await until(end, () => count(end) > already);
  return told().slice(before);
}

const status = async (text, options) => (await answerTo(broker, text, options)).status;

async function connectionOf(subscriber) {
  const id = /\r\nRingcast-Connection-Id: (\w+)/.exec(subscriber.header)[1];
  return (await broker.ask({ op: 'connection', connection: id })).connection;
}

// For those who come from now on.
async function theNewOnes() {
  await reload('');
  assert.equal(await status(get('/streams/unknown?limit=0', 'Origin: https://a.example\r\n')), 403);
  const said = await reload('[cors]\nallow_origins = ["https://a.example"]\n[streaming]\nunknown_stream = "404"\n');
  assert.match(said, /--allow-origins: \(none\) -> https:\/\/a\.example, takes effect now/);
  assert.match(said, /--unknown-stream: wait -> 404, takes effect now/);
  assert.match(said, /2 changed, 0 need a restart, 0 keys/);
  assert.equal(await status(get('/streams/unknown', 'Origin: https://a.example\r\n')), 404);

  assert.notEqual(await status(post('/streams/a', 'x'.repeat(2000))), 413);
  await reload('[limits]\nrequest_bytes_max = "1KiB"\n[auth]\nanonymous = "all"\n');
  assert.equal(await status(post('/streams/a', 'x'.repeat(2000))), 413);
  assert.equal(await status(post('/streams/a', 'x')), 200);

  await reload('[limits]\nrequests_per_address = 1\n');
  await until('the rate is over', async () => await status(get('/healthz')) === 429);
  await reload('[limits]\nrequests_per_address = 1000\n');
  assert.equal(await status(get('/healthz')), 200);

  writeFileSync(keys, randomBytes(32).toString('hex'));
  assert.match(await reload(`[auth]\nkeys = ["${keys}"]\n`), /, 1 keys/);
  assert.equal(await status(get('/streams/a')), 401);
  await reload('[auth]\nanonymous = "none"\n');
  assert.equal(await status(get('/streams/a')), 401);
  await reload('');
}

// Bounds of connections count those who were there before.
async function bounds() {
  const first = await new Subscriber(broker, '/streams/a').begun();
  await reload('[limits]\nconnections_per_address = 1\n');
  assert.equal(await status(get('/healthz')), 429);
  await reload('[limits]\nconnections_per_address = 0\n[streaming.sse]\nmax_connections = 1\n');
  assert.equal(await status(get('/healthz')), 503);
  const said = await reload('[streaming.sse]\nmax_connections = 200000\n');
  assert.match(said, /--connections-max: 1 -> 200000, needs a restart/);
  assert.equal(await status(get('/healthz')), 503, 'what was in force stays so');
  await reload('');
  assert.equal(await status(get('/healthz')), 200);
  first.close();
}

// Those who stream already.
async function theOldOnes() {
  await reload('[streaming.sse]\nheartbeat_interval = "1h"\n[quality]\nlink_interval = "0s"\n');
  const subscriber = await new Subscriber(broker, '/streams/a').begun();
  const greedy = await new Subscriber(broker, '/streams/a?events_per_second=500').begun();
  await reload('[streaming.sse]\nheartbeat_interval = "100ms"\nretry_interval = "7s"\n');
  await until('a heartbeat', () => subscriber.notices.some((notice) => notice.comment !== null));

  const rate = async (which) => (await connectionOf(which)).quality?.settings
    .find((setting) => setting.name === 'events_per_second').value ?? 0;
  assert.equal(await rate(subscriber), 0);
  await reload('[quality]\nevents_per_second_max = 100\n');
  await until('it is bounded', async () => await rate(subscriber) === 100 && await rate(greedy) === 100);
  await reload('[quality]\nevents_per_second_max = 1000\n');
  await until('it has more', async () => await rate(subscriber) === 1000 && await rate(greedy) === 500);
  await reload('');
  await until('it has no bound any more', async () => await rate(subscriber) === 0 && await rate(greedy) === 500);
  const lines = await Lines.connect(broker.socket);
  await lines.publish('a', 'still there');
  lines.close();
  await subscriber.has(1);
  await greedy.has(1);
  subscriber.close();
  greedy.close();
  const late = await new Subscriber(broker, '/streams/a').begun();
  await until('the usual retry', () => late.notices.some((notice) => notice.retry === 5000));
  late.close();
}

// A policy that makes producers wait begins and ends under a subscriber that takes nothing.
async function blocking() {
  await reload('[streaming]\nbuffer_size = 10\nbuffer_bytes = "0"\n[streaming.backpressure]\nwait = "1h"\n');
  const stalled = await new Subscriber(broker, '/streams/slow').begun();
  const lines = await Lines.connect(broker.socket);
  await lines.publish('slow', 'first');
  await stalled.has(1);
  stalled.socket.pause();
  const pressed = async () => (await broker.status()).ingest.pressed_streams;
  const answers = [];
  const push = () => { answers.push(lines.send({ stream: 'slow', data: 'x'.repeat(500_000) })); };
  for (let i = 0; i < 30; i++) push();
  await Promise.all(answers);
  await reload('[streaming]\nbuffer_size = 10\nbuffer_bytes = "0"\noverflow_strategy = "block"\n[streaming.backpressure]\nwait = "1h"\n');
  for (let i = 0; i < 30; i++) push();
  await until('producers wait', async () => await pressed() === 1);
  await reload('[streaming]\nbuffer_size = 10\nbuffer_bytes = "0"\noverflow_strategy = "drop_oldest"\n');
  await Promise.all(answers);
  await until('nobody waits', async () => await pressed() === 0);
  lines.close();
  stalled.close();
}

async function faults() {
  await reload('[streaming.sse]\nretry_interval = "3s"\n');
  const said = await reload('[streaming.sse]\nretry_interval = "9s"\nheartbeat_interval = 30\n[sever]\nworkers = 3\n',
    { isGood: false });
  assert.ok(said.includes(`${path}:3:`), said);
  assert.ok(said.includes(`${path}:4:`), said);
  assert.match(said, /nothing was changed: all settings and keys stay what they were/);
  for (const text of [`[auth]\nkeys = ["${scratch}/none.key"]\n`, '[logging]\naccess_log = "/none/of/these"\n']) {
    await reload(text, { isGood: false });
  }
  const subscriber = await new Subscriber(broker, '/streams/a').begun();
  await until('the retry of before', () => subscriber.notices.some((notice) => notice.retry === 3000));
  subscriber.close();
}

// What was given as a flag stays; what needs a restart is told each time.
async function restarts() {
  await reload('');
  const text = '[server]\nlisten = ["127.0.0.1:1"]\nuser = "nobody"\n[log]\nsegment_bytes = "32MiB"\n';
  for (let i = 0; i < 2; i++) {
    const said = await reload(text);
    assert.doesNotMatch(said, /--listen/);
    assert.match(said, /--user: .+ -> nobody, needs a restart/);
    assert.match(said, /--segment-bytes: 64MiB -> 32MiB, needs a restart/);
    assert.match(said, /0 changed, 2 need a restart/);
  }
}

// Who asks for it without end keeps neither requests nor the end away. Settings of many bytes, so that each takes its time.
async function storm() {
  writeFileSync(path, `#${'x'.repeat(1_000_000)}\n`);
  const senders = Array.from({ length: 2 }, () => new Child('bash', ['-c', `while kill -HUP ${broker.pid}; do :; done`], { errors: 'ignore' }));
  const before = count('settings and keys read again');
  await until('it is read again many times', () => count('settings and keys read again') > before + 20);
  assert.equal(await status(get('/healthz')), 200);
  await broker.stop();
  await Promise.all(senders.map((sender) => sender.ended));
}

test(async ({ say }) => {
  writeFileSync(path, '');
  broker = await Broker.start({ flags: ['--config', path] });
  for (const part of [theNewOnes, bounds, theOldOnes, blocking, faults]) {
    await part();
    say(part.name);
  }
  await restarts();
  await storm();
});

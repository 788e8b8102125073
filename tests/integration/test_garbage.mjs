// Nonsense on both sockets, from sound requests with bytes changed to plain noise: the broker stays up, those beside it
// notice nothing, and what they say is kept apart (architecture, invariant 6; mission I5).
// GARBAGE_SEED repeats a run, GARBAGE_ROUNDS makes it longer.
// timeout: 180
// smoke
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { Broker, Helper, Publisher, slowness, sleep, test, until } from './broker.mjs';

const ROUNDS = Number(process.env.GARBAGE_ROUNDS ?? (slowness === 1 ? 60 : 15));
const AT_ONCE = 20;
const seed = Number(process.env.GARBAGE_SEED ?? Date.now() % 1e9);

// xorshift32: repeatable.
let state = seed | 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = (list) => list[random(list.length)];

function frame(kind, payload, level = 0) {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(payload.length, 0);
  header[4] = kind;
  header[5] = level;
  header.writeBigUInt64LE(BigInt(random(1000)), 8);
  return Buffer.concat([header, payload]);
}

function event(stream, data) {
  const fixed = Buffer.alloc(28);
  fixed.writeUInt32LE(data.length, 0);
  fixed[24] = 2;
  fixed[26] = stream.length;
  return Buffer.concat([fixed, Buffer.from(stream), Buffer.from(data)]);
}

function binarySession() {
  const hello = Buffer.alloc(24);
  hello.set([0xf7, 0x52, 0x43, 0x50, 1, 0]);
  hello.writeBigUInt64LE(BigInt(random(3)), 8);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(2, 0);
  const frames = [
    frame(1, event('garbage/a', 'x'.repeat(random(2000))), random(3)),
    frame(2, Buffer.concat([count, event('garbage/b', 'y'), event('garbage/a', 'z')]), 1),
    frame(3, Buffer.concat([Buffer.alloc(32), Buffer.from('garbage/a')])),
    frame(4, Buffer.from('garbage/b')),
    frame(5, Buffer.from('ping')),
    frame(6, Buffer.from('garbage/a')),
  ];
  return Buffer.concat([hello, ...Array.from({ length: 1 + random(8) }, () => pick(frames))]);
}

const linesSession = () => Buffer.from(Array.from({ length: 1 + random(8) }, () => pick([
  '{"stream":"garbage/l","data":"x","ref":1}', '{"op":"status"}', '{"op":"connections","limit":3}', '{"op":"streams","prefix":"g"}',
  '{"op":"set","stream":"garbage/l","retention_count":3}', '{"op":"discard","stream":"garbage/l"}',
  '{"op":"send","connection":"03ff000000000001","data":"x"}', '{"op":"close","connection":"00000000000fffff"}', '[[[[[[[', '{"stream":"garbage/e","data":{"a":[1,2]},"ephemeral":true}',
])).join('\n') + pick(['\n', '', '\r\n']));

const post = (target, type, body) => `POST /streams/${target} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const httpSession = () => Buffer.from(Array.from({ length: 1 + random(4) }, () => pick([
  'GET /streams/garbage%2Fa?from=earliest HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n',
  'GET /events?stream=garbage/a&stream=garbage/b&from=last:3 HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 12\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  post('garbage/h?type=x&tag=y', 'text/plain', 'x'.repeat(random(9000))), post('garbage/h?ack=synced', 'application/json', '{"data":{"a":[1,2]},"tags":["b"]}'),
  post('garbage/h', 'application/x-ndjson', '{"data":1}\n{"data":2,"ephemeral":true}\n'), post('garbage/h?reach=1', 'application/x-www-form-urlencoded', 'data=a%20b&tag=c'),
  'POST /streams/garbage/h HTTP/1.1\r\nHost: a\r\nProducer-Id: p\r\nProducer-Seq: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;x=y\r\ndef\r\n0\r\n\r\n',
  'PUT /streams/garbage/s HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n{"retention_count":5}', 'DELETE /streams/garbage/s HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD /streams/garbage/s HTTP/1.1\r\nHost: a\r\n\r\nGET /streams?prefix=g&limit=9 HTTP/1.1\r\nHost: a\r\n\r\n',
])).join(''));

function spoil(bytes) {
  const spoilt = Buffer.from(bytes);
  for (let i = random(6); i > 0 && spoilt.length > 0; i--) spoilt[random(spoilt.length)] = random(256);
  return random(4) === 0 ? spoilt.subarray(0, random(spoilt.length + 1)) : spoilt;
}

const noise = () => Buffer.from(Array.from({ length: random(3000) }, () => random(256)));

async function visit(broker) {
  const isProducer = random(2) === 0;
  const socket = isProducer ? createConnection(broker.socket) : createConnection(broker.port, '127.0.0.1');
  socket.on('error', () => {});
  if (random(8) !== 0) socket.resume();
  const session = pick(isProducer ? [binarySession, binarySession, linesSession, noise] : [httpSession, httpSession, noise]);
  const bytes = spoil(session());
  const cut = random(bytes.length + 1);
  socket.write(bytes.subarray(0, cut));
  await sleep(random(5));
  socket.write(bytes.subarray(cut));
  await sleep(random(20));
  if (random(2) === 0) socket.end();
  await sleep(random(20));
  if (isProducer || random(2) === 0) socket.destroy();
  else socket.resetAndDestroy();
}

test(async ({ say }) => {
  say(`GARBAGE_SEED=${seed}`);
  const broker = await Broker.start({ flags: ['--request-timeout', '200ms', '--body-timeout', '200ms', '--anonymous', 'all', '--lag-events', '0', '--lag-bytes', '0', '--log-level', 'error'] });
  const publisher = new Publisher(broker, 'sound', { window: 2 });
  const subscribers = new Helper('subscribers', broker.port, '--dense', 10, '/events?stream=sound');
  await subscribers.answer('connected');
  publisher.order('run');
  for (let round = 0; round < ROUNDS; round++) await Promise.all(Array.from({ length: AT_ONCE }, () => visit(broker)));
  const [events] = await publisher.stop();
  await subscribers.ask(`wait ${10 * events}`, 'reached');
  await until('the others are gone', async () => {
    const status = await broker.status();
    return status.ingest.producers === 2 && status.workers.reduce((sum, worker) => sum + worker.connections, 0) === 10;
  });
  const status = await broker.status();
  assert.equal(status.log.fault, null);
  assert.ok(status.ingest.errors > ROUNDS, 'nonsense was answered');
  say(`${ROUNDS * AT_ONCE} visits; ${events} sound events meanwhile, ${status.log.events_appended} in all`);
  await broker.stop();
});

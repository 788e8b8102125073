// Streams that block: a subscriber that does not read holds back their producers, until it reads again, goes, or the
// producers' time is over. Nothing is lost, and no other stream waits (mission C2, C4; issue 4, must show 3). A worker
// that stands still holds nobody for long.
// timeout: 120
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Child, Helper, Lines, Publisher, Subscriber, binary, build, scratch, sleep, test, until, within } from './broker.mjs';

const LIMIT = 200;
const WAIT_MS = 3000;
const DATA = 'x'.repeat(8000);
const SUBSCRIBERS = 20; // some with each worker
const LIBRARY_EVENTS = 5000;
const OTHERS = 2000; // fewer than a connection in line mode may have unanswered
const MOST = 20_000; // sockets hold far less

const numberOf = (event) => Number.parseInt(event.data, 10);
const data = (number) => `${number} ${DATA}`;

// Publishes one after the other, beginning with `number`, until one is held. Gives its number, its answer to come, and
// the answers so far.
async function publishUntilHeld(broker, producer, number) {
  const answers = [];
  for (; number < MOST; number++) {
    const answer = producer.send({ stream: 'block/a', data: data(number) });
    let isAnswered = false;
    const told = answer.then((value) => { isAnswered = true; answers.push(value); });
    const held = until('answered or held', async () => {
      if (!isAnswered) await Promise.race([told, sleep(20)]);
      return isAnswered || (await broker.status()).ingest.held_events > 0;
    });
    await Promise.race([told, held]);
    if (!isAnswered) await Promise.race([told, sleep(200)]); // sockets may still take a little more
    if (!isAnswered) return { number, answer, answers };
  }
  throw new Error('it is never held');
}

function checkAll(subscriber, count, what) {
  assert.deepEqual(subscriber.events.filter((event) => event.type === 'gap'), [], `${what}: no gap`);
  assert.equal(subscriber.events.length, count, what);
  assert.ok(subscriber.events.every((event, i) => numberOf(event) === i + 1), `${what}: each event once, in order`);
}

// libringcast, in batches, heeds the stream's credit; held and released often, it gets everything through.
async function library(broker, say) {
  await broker.ask({ op: 'set', stream: 'block/l', overflow: 'block', lag_events: LIMIT });
  const slow = await new Subscriber(broker, '/streams/block/l').begun();
  slow.socket.pause();
  const publisher = new Child(binary, ['publish', '--socket', broker.socket, '--quiet', 'block/l']);
  const holds = (await broker.status()).ingest.holds;
  for (let i = 1; i <= LIBRARY_EVENTS; i++) publisher.write(`${data(i)}\n`);
  publisher.process.stdin.end();
  await until('it is held', async () => (await broker.status()).ingest.holds > holds);
  slow.socket.resume();
  assert.deepEqual(await within('it is through', publisher.ended), { code: 0, signal: null });
  await slow.has(LIBRARY_EVENTS);
  checkAll(slow, LIBRARY_EVENTS, 'all that libringcast published');
  await until('nothing presses any more', async () => (await broker.status()).ingest.pressed_streams === 0);
  slow.close();
  say('libringcast was held and got all through');
}

// With subscribers of its own that are at the stream's end, and no word of them any more.
async function stoppedWorker(say) {
  const broker = await Broker.start({
    directory: join(scratch, 'stopped'),
    launcher: [join(build, 'integration', 'freeze')],
    flags: ['--backpressure-strategy', 'pause', '--lag-events', String(LIMIT), '--log-inbox', '16', '--worker-inbox', '512'],
  });
  const order = async (text) => {
    const before = broker.lines.length;
    broker.child.write(`${text}\n`);
    await until(`an answer to ${text}`, () => broker.lines.length > before);
  };
  const subscribers = new Helper('subscribers', broker.port, '--dense', SUBSCRIBERS, '/streams/block/w');
  await subscribers.answer('connected');
  const publisher = new Publisher(broker, 'block/w');
  await publisher.publish(LIMIT / 2);
  await subscribers.ask(`wait ${(LIMIT / 2) * SUBSCRIBERS}`, 'reached');
  await order('freeze ringcast-w0');
  await publisher.publish(3 * LIMIT); // its connection would fail with an event that is refused
  await order('thaw');
  await subscribers.ask(`wait ${3.5 * LIMIT * SUBSCRIBERS}`, 'reached');
  const { ingest } = await broker.status();
  assert.ok(ingest.holds > 0, 'producers were held');
  assert.equal(ingest.hold_refusals, 0);
  say(`a worker that stood still held ${ingest.holds} events for a while, and missed none`);
  await broker.stop();
}

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--stall-timeout', '0'] });
  await broker.ask({ op: 'set', stream: 'block/a', overflow: 'block', lag_events: LIMIT, producer_wait: WAIT_MS });
  const producer = await Lines.connect(broker.socket);
  const stalled = await new Subscriber(broker, '/streams/block/a').begun();
  const healthy = await new Subscriber(broker, '/streams/block/a').begun();
  const other = await new Subscriber(broker, '/streams/free/b').begun();
  await producer.publish('block/a', data(1));
  await stalled.has(1);
  stalled.socket.pause();

  // It is told before it is held, and held at the limit.
  let held = await publishUntilHeld(broker, producer, 2);
  const pressures = held.answers.map((answer) => answer.pressure ?? 0);
  assert.ok(pressures.every((pressure, i) => i === 0 || pressure >= pressures[i - 1]), 'pressure rises');
  assert.ok(pressures.at(-1) >= 0.8, `the last answer tells of the pressure, ${pressures.at(-1)}`);
  const asked = await broker.ask({ op: 'pressure', stream: 'block/a' });
  assert.equal(asked.stream.holds, true);
  assert.equal(asked.stream.lag_events, LIMIT);
  assert.equal(asked.listeners, 2);
  await healthy.has(held.number - 1);
  say(`held after ${held.number - 1} events, the answers told ${pressures.at(-1)} at the end`);

  // Meanwhile other streams go on, also from the same producer; in line mode only the answers wait.
  const waiting = [];
  for (let i = 1; i <= OTHERS; i++) waiting.push(producer.send({ stream: 'free/b', data: `${i}` }));
  await other.has(OTHERS);
  const another = await Lines.connect(broker.socket);
  for (let i = 1; i <= OTHERS; i++) await another.publish('free/b', `${OTHERS + i}`);
  await other.has(2 * OTHERS);
  checkAll(other, 2 * OTHERS, 'a stream that does not block');
  assert.equal((await broker.status()).ingest.held_events, 1);
  say('other streams were not held');

  // It reads again: what was held is published and answered, in its place.
  stalled.socket.resume();
  const answer = await within('the held event is answered', held.answer);
  assert.ok(answer.id > 0, JSON.stringify(answer));
  for (const late of await Promise.all(waiting)) assert.ok(late.id > 0 && late.id < answer.id, 'they overtook it');
  await stalled.has(held.number);
  await healthy.has(held.number);
  checkAll(stalled, held.number, 'the slow one');
  checkAll(healthy, held.number, 'the healthy one');
  say('released, and nothing lost');

  // It does not read again: after its time the producer is told.
  stalled.socket.pause();
  const count = held.number;
  held = await publishUntilHeld(broker, producer, count + 1);
  const refusal = await within('the held event is refused', held.answer);
  assert.equal(refusal.error, 'backpressure_exceeded');
  await healthy.has(held.number - 1);
  checkAll(healthy, held.number - 1, 'what was refused is not there');
  const { ingest } = await broker.status();
  assert.deepEqual([ingest.hold_refusals, ingest.held_events], [1, 0]);
  say('backpressure_exceeded after the wait');

  // It goes: whoever waits goes on at once.
  held = await publishUntilHeld(broker, producer, held.number);
  stalled.close();
  assert.ok((await within('the held event is answered', held.answer)).id > 0);
  await producer.publish('block/a', data(held.number + 1));
  await healthy.has(held.number + 1);
  checkAll(healthy, held.number + 1, 'the healthy one');
  await until('nothing presses any more', async () => (await broker.status()).ingest.pressed_streams === 0);
  assert.equal(await broker.workerSum('gaps_told'), 0);
  say('released when the slow one went');

  // Who asks for another policy holds nobody, and the setting outlives the broker.
  healthy.close();
  await broker.kill();
  await broker.start();
  const { streams } = await broker.ask({ op: 'streams', prefix: 'block/' });
  assert.equal(streams[0].overflow, 'block');
  const dropper = await new Subscriber(broker, '/streams/block/a?overflow=drop_oldest').begun();
  const again = await Lines.connect(broker.socket);
  await again.publish('block/a', data(1));
  await dropper.has(1);
  dropper.socket.pause();
  for (let i = 2; i < MOST / 4; i++) await again.publish('block/a', data(i));
  assert.equal((await broker.status()).ingest.holds, 0);
  say('a subscriber that asked for another policy holds nobody');
  for (const open of [producer, another, again, other, dropper]) open.close();
  await library(broker, say);
  await broker.stop();
  await stoppedWorker(say);
});

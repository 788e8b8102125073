// Subscribers that do not read: they hold up nobody, are told what they missed, or are let go, as the settings say; and
// one that reads the past slowly misses nothing (mission A6, B3, C2, C3; issue 2, Workers).
// timeout: 120
import assert from 'node:assert/strict';
import { Broker, Publisher, Subscriber, sleep, test, until } from './broker.mjs';

const LAG = 100;
const BYTES = 1000;
const EVENTS = 20_000; // far more than sockets hold

const numberOf = (event) => Number.parseInt(event.data, 10);

// A live subscriber that has its first event and then stops reading.
async function stopped(broker, publisher, path) {
  const subscriber = await new Subscriber(broker, path).begun();
  await publisher.publish(1);
  await subscriber.has(1);
  subscriber.socket.pause();
  return subscriber;
}

test(async ({ say }) => {
  const flags = ['--lag-events', LAG, '--heartbeat-interval', '200ms', '--retry', '100ms'].map(String);
  let broker = await Broker.start({ flags });
  let publisher = new Publisher(broker, 'lag/one', { bytes: BYTES });
  await publisher.publish(EVENTS);

  // The past, read slowly while more is published: nothing is missed, however long it takes.
  const reader = await new Subscriber(broker, '/streams/lag/one?from=earliest').begun();
  const wrapped = await new Subscriber(broker, '/events?stream=lag/one&from=earliest').begun();
  reader.socket.pause();
  wrapped.socket.pause();
  await publisher.publish(EVENTS);
  await until('both are held up', async () => (await broker.workerSum('throttled')) === 2);
  reader.socket.resume();
  wrapped.socket.resume();
  await reader.has(2 * EVENTS);
  await wrapped.has(2 * EVENTS);
  assert.ok(reader.events.every((event, i) => numberOf(event) === i + 1), 'every event, in order');
  assert.ok(wrapped.events.every((event, i) => JSON.parse(event.data).sequence === i + 1), 'every event, in order');
  assert.equal(await broker.workerSum('gaps_told'), 0);
  say('a slow replay misses nothing');

  // Live, it may be so far behind and no farther. Others get everything meanwhile.
  const first = 2 * EVENTS + 1;
  const late = await stopped(broker, publisher, '/streams/lag/one');
  const last = first + EVENTS;
  for (let number = first; number < last; number += LAG / 2) {
    await publisher.publish(LAG / 2);
    await reader.has(number + LAG / 2);
  }
  assert.ok(reader.events.every((event, i) => numberOf(event) === i + 1), 'a reader beside it misses nothing');
  assert.ok(late.events.length < EVENTS / 2, `a paused reader has ${late.events.length} events`);
  late.socket.resume();
  await until('it has the last event', () => late.events.length > 0 && late.events.at(-1).id === reader.events.at(-1).id);
  const gaps = late.events.filter((event) => event.type === 'gap');
  assert.ok(gaps.length >= 1, 'it was told of a gap');
  let expected = first;
  const idOf = (number) => reader.events[number - 1].id;
  for (const event of late.events) {
    if (event.type === 'gap') {
      const gap = JSON.parse(event.data);
      assert.equal(gap.reason, 'lagged');
      assert.equal(gap.from, idOf(expected - 1) + 1, 'the gap begins after the last event that came');
      assert.equal(event.id, gap.to, 'resuming from the gap goes on behind it');
      expected += gap.to - gap.from + 1;
    } else {
      assert.equal(numberOf(event), expected++, 'all other events came, in order');
    }
  }
  assert.equal(expected, last + 1);
  const behind = late.events.length - 1 - late.events.findLastIndex((event) => event.type === 'gap');
  assert.ok(behind >= LAG, `after its last gap it was given all that it may lag, ${behind} events`);
  say(`a stopped reader was told of ${gaps.length} gap(s), and then given the last ${behind} events`);
  for (const subscriber of [reader, wrapped, late]) subscriber.close();
  await broker.stop();

  // Or it is let go, with what it needs to come back.
  broker = await Broker.start({ directory: broker.directory, flags: [...flags, '--lag-policy', 'disconnect'] });
  publisher = new Publisher(broker, 'lag/two', { bytes: BYTES });
  const gone = await stopped(broker, publisher, '/streams/lag/two');
  await publisher.publish(EVENTS);
  gone.socket.resume();
  await until('it is let go', () => gone.socket.destroyed);
  assert.equal(gone.failure, null);
  const farewell = gone.events.pop();
  assert.deepEqual(farewell, { id: null, type: 'disconnect', data: '{"reason":"lagged"}', retry: 100, comment: null });
  assert.ok(gone.events.every((event, i) => numberOf(event) === i + 1), 'what came before was whole and in order');
  assert.ok(gone.events.length <= EVENTS);
  const back = await new Subscriber(broker, '/streams/lag/two', { headers: { 'Last-Event-ID': gone.events.at(-1).id } }).begun();
  await back.has(EVENTS + 1 - gone.events.length);
  assert.ok(back.events.every((event, i) => numberOf(event) === gone.events.length + i + 1), 'it goes on where it was');
  assert.equal(await broker.workerSum('lag_closes'), 1);
  say(`a stopped reader was let go after ${gone.events.length} events and came back for the rest`);
  back.close();
  await broker.stop();

  // One that takes nothing at all is closed in the end.
  broker = await Broker.start({ directory: broker.directory, flags: ['--stall-timeout', '1s', '--heartbeat-interval', '200ms'] });
  publisher = new Publisher(broker, 'lag/three', { bytes: BYTES });
  const dead = await stopped(broker, publisher, '/streams/lag/three');
  const alive = await new Subscriber(broker, '/streams/lag/three').begun();
  await publisher.publish(EVENTS);
  await until('it is closed', async () => (await broker.workerSum('stall_closes')) === 1);
  await sleep(0);
  assert.equal(alive.socket.destroyed, false, 'one that reads stays');
  dead.close();
  alive.close();
  await broker.stop();
});

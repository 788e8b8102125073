// A thousand subscribers on one stream and a thousand streams with a subscriber each; every one of them gets every
// event of its stream, in order. And once all is warm, neither workers nor log allocate: jemalloc counts what each
// thread ever allocated (issue 2, point 7).
// timeout: 240
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Helper, Lines, Publisher, readNumbers, scratch, slowness, test } from './broker.mjs';

const isPlain = slowness === 1;
const SUBSCRIBERS = isPlain ? 1000 : 100;
const EVENTS = isPlain ? 10_000 : 1000;
const PATIENCE_MS = 100_000;
// Of one thread, over 5,000 events and 5,000,000 deliveries: far below one allocation an event.
const ALLOCATED_BYTES_MAX = 16 << 10;

const allocated = async (lines) => {
  const status = await lines.ask({ op: 'status' });
  return [status.log.allocated_bytes, ...status.workers.map((worker) => worker.allocated_bytes)];
};

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--lag-events', '0', '--lag-bytes', '0', '--heartbeat-interval', '0'] });
  const record = join(scratch, 'many');
  const one = new Helper('subscribers', broker.port, '--dense', SUBSCRIBERS, '/streams/fan/one');
  const many = new Helper('subscribers', broker.port, '--record', record, SUBSCRIBERS, '/streams/fan/many/*');
  await one.answer('connected');
  await many.answer('connected');
  const toOne = new Publisher(broker, 'fan/one');
  const toMany = new Publisher(broker, 'fan/many/', { streams: SUBSCRIBERS });
  say(`${2 * SUBSCRIBERS} subscribers are connected`);

  // Publishes to both so far that each had so many events, and waits until all have them.
  const deliverUpTo = async (events, count) => {
    await Promise.all([toOne.publish(count, PATIENCE_MS), toMany.publish(count, PATIENCE_MS)]);
    await one.ask(`wait ${events * SUBSCRIBERS}`, 'reached', PATIENCE_MS);
    await many.ask(`wait ${events}`, 'reached', PATIENCE_MS);
  };
  await deliverUpTo(EVENTS / 2, EVENTS / 2);
  say('half of the events are there');

  // What asking costs is known from asking twice.
  const lines = await Lines.connect(broker.socket);
  await allocated(lines);
  const first = await allocated(lines);
  const second = await allocated(lines);
  await deliverUpTo(EVENTS, EVENTS / 2);
  const third = await allocated(lines);
  say('all of the events are there');
  if (isPlain) {
    const extra = third.map((bytes, i) => bytes - second[i] - (second[i] - first[i]));
    say(`allocated by the log's thread and the workers: ${extra.join(', ')} bytes`);
    assert.ok(first.every((bytes) => bytes > 0), 'jemalloc counts');
    assert.ok(extra.every((bytes) => bytes <= ALLOCATED_BYTES_MAX), 'no allocation on the hot path');
  }

  // Of the many streams each event went to its own subscriber, once.
  const [events, reconnects] = await many.ask('report', 'report');
  assert.equal(events, EVENTS);
  assert.equal(reconnects, 0);
  const numbers = readNumbers(record, 3);
  const seen = new Set();
  for (let i = 0; i < numbers.length; i += 3) {
    assert.equal(numbers[i], numbers[i + 1] % SUBSCRIBERS, 'an event came to the subscriber of its stream');
    seen.add(numbers[i + 1]);
  }
  assert.equal(seen.size, EVENTS, 'no event came twice');
  const status = await lines.ask({ op: 'status' });
  const deliveries = status.workers.reduce((sum, worker) => sum + worker.events_sent, 0);
  assert.equal(deliveries, EVENTS * SUBSCRIBERS + EVENTS, 'deliveries, as the workers count them');
  assert.ok(status.workers.every((worker) => worker.connections > 0), 'both workers took part');
  lines.close();
  await broker.stop();
});

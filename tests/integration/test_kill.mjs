// The broker is killed with SIGKILL again and again while it is published to as fast as it takes it. After the last
// restart every event that it acknowledged as written is there, once; and subscribers that resumed through all of it
// saw every event of their streams exactly once, in order (issue 2, point 5; mission B2, B6, B7).
// KILL_RUNS=200 kills.
// timeout: 600
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Helper, Publisher, readNumbers, scratch, slowness, sleep, test, until } from './broker.mjs';

const RUNS = Number(process.env.KILL_RUNS ?? (slowness === 1 ? 200 : 20));
const PATIENCE_MS = 120_000;
// Each publisher's numbers begin at its own thousand million.
const STREAMS = ['kill/forgotten', 'kill/resent', 'kill/synced'];

// What one of the subscribers saw, by number: the id.
function seenBy(numbers, index) {
  const seen = new Map();
  for (let i = 0; i < numbers.length; i += 3) {
    if (numbers[i] !== index) continue;
    assert.ok(!seen.has(numbers[i + 1]), `subscriber ${index} saw event ${numbers[i + 1]} twice`);
    seen.set(numbers[i + 1], numbers[i + 2]);
  }
  return seen;
}

test(async ({ say }) => {
  // Small segments, so that the log rolls, seals and checkpoints many times, and all of it is kept.
  const broker = await Broker.start({
    flags: ['--segment-bytes', '8MiB', '--retention-bytes', '64GiB', '--retry', '1ms', '--lag-events', '0', '--lag-bytes', '0',
      '--log-level', 'warn'],
  });
  const options = (index, more) => ({ first: index * 1e9 + 1, acks: join(scratch, `acks.${index}`), bytes: 100, ...more });
  const publishers = [
    new Publisher(broker, STREAMS[0], options(0, { window: 128 })),
    new Publisher(broker, STREAMS[1], options(1, { window: 128, resend: 4711 })),
    new Publisher(broker, STREAMS[2], options(2, { window: 16, level: 2 })),
  ];
  const query = STREAMS.map((name) => `stream=${name}`).join('&');
  const record = join(scratch, 'seen');
  const subscribers = new Helper('subscribers', broker.port, '--reconnect', '--record', record, 1, `/streams/${STREAMS[0]}`,
    1, `/streams/${STREAMS[1]}`, 1, `/events?${query}`);
  await subscribers.answer('connected');
  for (const publisher of publishers) publisher.order('run');

  let uptimeMs = 0;
  for (let run = 1; run <= RUNS; run++) {
    // Now and then long enough for the subscribers to catch up and be live; mostly killed in the middle of things.
    const milliseconds = run % 10 === 0 ? 400 : Math.random() * 100;
    uptimeMs += milliseconds;
    await sleep(milliseconds);
    await broker.kill();
    await broker.start();
    if (run % 50 === 0) say(`killed ${run} times, at id ${(await broker.status()).log.last_id}`);
  }
  const lasts = [];
  for (const publisher of publishers) lasts.push((await publisher.stop())[1]);
  say(`publishing ended after ${Math.round(uptimeMs)} ms of being up`);

  // Everybody is served to the end. The last id of a stream is that of its publisher's last event.
  const goals = [lasts[0], lasts[1], Math.max(...lasts)];
  await until('the subscribers have the last events', async () => {
    const last = await subscribers.ask('last', 'last');
    return goals.every((goal, i) => last[i] === goal);
  }, PATIENCE_MS);
  const [events, reconnects] = await subscribers.ask('report', 'report');
  assert.ok(reconnects >= RUNS, `the subscribers reconnected ${reconnects} times`);

  // What is in the log after the last restart, for who reads it from its beginning.
  await broker.kill();
  await broker.start();
  const fullRecord = join(scratch, 'all');
  const reader = new Helper('subscribers', broker.port, '--record', fullRecord, 1, `/events?${query}&from=earliest`);
  await until('a new subscriber has all', async () => (await reader.ask('last', 'last'))[0] === goals[2], PATIENCE_MS);
  await reader.ask('report', 'report');
  const all = seenBy(readNumbers(fullRecord, 3), 0);

  const seen = readNumbers(record, 3);
  const inRange = (map, range) => [...map].filter(([number]) => Math.floor(number / 1e9) === range);
  assert.deepEqual([...seenBy(seen, 0)], inRange(all, 0), 'what the first stream\'s subscriber saw is what the log has');
  assert.deepEqual([...seenBy(seen, 1)], inRange(all, 1), 'what the second stream\'s subscriber saw is what the log has');
  assert.deepEqual([...seenBy(seen, 2)], [...all], 'what the subscriber of all saw is what the log has');
  const resent = inRange(all, 1);
  assert.ok(resent.every(([number], i) => number === 1e9 + 1 + i), 'what was sent again until acknowledged is all there');
  let acknowledged = 0;
  const sequences = new Map(); // by id, over all streams
  for (const publisher of publishers) {
    const acks = publisher.acks();
    for (let i = 0; i < acks.length; i += 3) {
      if (all.get(acks[i]) !== acks[i + 1]) {
        // A repeat whose original is no longer known by its id is acknowledged with 0.
        assert.ok(acks[i + 1] === 0 && all.has(acks[i]), `event ${acks[i]}, acknowledged as ${acks[i + 1]}: ${all.get(acks[i])}`);
      }
      sequences.set(acks[i + 1], acks[i + 2]);
      acknowledged++;
    }
  }
  // Sequences rise with ids, in each stream.
  for (let range = 0; range < STREAMS.length; range++) {
    let before = 0;
    for (const [number, id] of inRange(all, range)) {
      const sequence = sequences.get(id);
      if (sequence === undefined) continue;
      if (sequence <= before) assert.fail(`event ${number} has sequence ${sequence} after ${before}`);
      before = sequence;
    }
  }
  say(`${RUNS} kills: ${acknowledged} acknowledged of ${all.size} events in the log, ${events} delivered`);
  assert.ok(acknowledged > RUNS * 10, 'there was load');
  await broker.stop();
});

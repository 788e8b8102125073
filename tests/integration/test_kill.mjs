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
const RESENT = 1;

// The events that one of the subscribers saw, from its record: the id of each number, 0 where it did not come. There are
// millions of them, so they stand in one array for each publisher.
class Seen {
  constructor(numbers, index) {
    this.count = 0;
    this.ids = STREAMS.map(() => new Float64Array(1 << 20));
    for (let i = 0; i < numbers.length; i += 3) {
      if (numbers[i] === index) this.add(numbers[i + 1], numbers[i + 2]);
    }
  }

  add(number, id) {
    const range = Math.floor(number / 1e9);
    const place = number - range * 1e9;
    if (place >= this.ids[range].length) {
      const larger = new Float64Array(2 * place);
      larger.set(this.ids[range]);
      this.ids[range] = larger;
    }
    if (this.ids[range][place] !== 0) assert.fail(`event ${number} came twice`);
    this.ids[range][place] = id;
    this.count++;
  }

  idOf(number) { return this.ids[Math.floor(number / 1e9)][number % 1e9] ?? 0; }

  // That it saw what is in the log of this range, no more, no less.
  mustEqual(log, range, who) {
    const places = Math.max(this.ids[range].length, log.ids[range].length);
    for (let place = 0; place < places; place++) {
      const [mine, theirs] = [this.ids[range][place] ?? 0, log.ids[range][place] ?? 0];
      if (mine !== theirs) assert.fail(`event ${range * 1e9 + place} is ${theirs} in the log, ${mine} for ${who}`);
    }
  }
}

test(async ({ say }) => {
  // Small segments, so that the log rolls, seals and checkpoints many times, and all of it is kept.
  const broker = await Broker.start({
    flags: ['--segment-bytes', '8MiB', '--retention-bytes', '64GiB', '--retry', '1ms', '--lag-events', '0', '--lag-bytes', '0',
      '--log-level', 'warn'],
  });
  const options = (index, more) => ({ first: index * 1e9 + 1, acks: join(scratch, `acks.${index}`), bytes: 100, ...more });
  const publishers = [
    new Publisher(broker, STREAMS[0], options(0, { window: 64 })),
    new Publisher(broker, STREAMS[1], options(1, { window: 64, resend: 4711 })),
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
    const milliseconds = run % 20 === 0 ? 300 : Math.random() * 40;
    uptimeMs += milliseconds;
    await sleep(milliseconds);
    await broker.kill();
    await broker.start();
    if (run % 50 === 0) say(`killed ${run} times, at id ${(await broker.status()).log.last_id}`);
  }
  for (const publisher of publishers) await publisher.stop();
  say(`publishing ended after ${Math.round(uptimeMs)} ms of being up`);

  // Everybody is served to the end, also of what is in the log without having been acknowledged.
  const { streams } = await broker.ask({ op: 'streams', prefix: 'kill/' });
  const lasts = STREAMS.map((name) => streams.find((stream) => stream.name === name).last_id);
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
  const all = new Seen(readNumbers(fullRecord, 3), 0);

  const seen = readNumbers(record, 3);
  new Seen(seen, 0).mustEqual(all, 0, 'the subscriber of the first stream');
  new Seen(seen, 1).mustEqual(all, 1, 'the subscriber of the second stream');
  const seenAll = new Seen(seen, 2);
  STREAMS.forEach((_, range) => seenAll.mustEqual(all, range, 'the subscriber of all streams'));
  let acknowledged = 0;
  for (const [range, publisher] of publishers.entries()) {
    const acks = publisher.acks();
    let before = 0; // sequences rise with numbers
    for (let i = 0; i < acks.length; i += 3) {
      const [number, id, sequence] = acks.subarray(i, i + 3);
      const kept = all.idOf(number);
      // A repeat whose original is no longer known is acknowledged with id 0.
      if (kept === 0 || (id !== kept && id !== 0)) assert.fail(`event ${number}, acknowledged as ${id}, is ${kept} in the log`);
      if (sequence !== 0 && sequence <= before) assert.fail(`event ${number} has sequence ${sequence} after ${before}`);
      before = sequence === 0 ? before : sequence;
      acknowledged++;
    }
    const last = acks.length > 0 ? acks[acks.length - 3] - range * 1e9 : 0;
    assert.ok(acks.length > 0, 'each publisher was acknowledged something');
    if (range !== RESENT) continue;
    // What is sent again until it is acknowledged is there without a hole.
    for (let place = 1; place <= last; place++) assert.notEqual(all.ids[range][place], 0, `event ${range * 1e9 + place} is there`);
    assert.equal(acks.length / 3, last, 'all of it was acknowledged');
  }
  say(`${RUNS} kills: ${acknowledged} acknowledged of ${all.count} events in the log, ${events} delivered`);
  assert.ok(acknowledged > RUNS * 10, 'there was load');
  await broker.stop();
});

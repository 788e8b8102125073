// Inboxes so small that they fill, and threads that are stopped: nothing dead-locks, nothing is lost, a worker that was
// passed over catches up (issue 2, point 9; architecture, "No cycle of waiting").
// timeout: 240
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Helper, Publisher, build, sleep, slowness, test, until } from './broker.mjs';

const SUBSCRIBERS = 40;
// A worker's inbox holds 512 messages, of which blocks may take fewer than 200: so many blocks lap it.
const BLOCKS = 1000;
const WORKERS = ['ringcast-w0', 'ringcast-w1'];

test(async ({ say }) => {
  const broker = await Broker.start({
    launcher: [join(build, 'integration', 'freeze')],
    flags: ['--worker-inbox', '512', '--log-inbox', '16', '--tail-bytes', '16MiB', '--lag-events', '0', '--lag-bytes', '0',
      '--heartbeat-interval', '0', '--request-timeout', '1m'],
  });
  const order = async (text, answer) => {
    const before = broker.lines.length;
    broker.child.write(`${text}\n`);
    await until(`freeze answers ${answer}`, () => broker.lines.length > before);
    assert.equal(broker.lines.at(-1), answer);
  };
  const freeze = (...names) => order(`freeze ${names.join(',')}`, 'frozen');
  const thaw = () => order('thaw', 'thawed');

  const one = new Helper('subscribers', broker.port, '--dense', SUBSCRIBERS, '/streams/bounds/one');
  await one.answer('connected');
  let status = await broker.status();
  assert.ok(status.workers.every((worker) => worker.streams === 1), 'both workers have subscribers');
  // One event in flight at a time: each is a block of its own.
  const slow = new Publisher(broker, 'bounds/one', { window: 1 });
  let events = 0;
  const publish = async (publisher, count) => {
    events += count;
    await publisher.publish(count, 60_000);
  };
  const all = () => one.ask(`wait ${events * SUBSCRIBERS}`, 'reached', 60_000);

  // A worker is stopped for a second. Its inbox is full, and the log goes on.
  await publish(slow, 10);
  await all();
  await freeze(WORKERS[0]);
  await publish(slow, BLOCKS);
  await sleep(1000);
  await thaw();
  await all();
  const laps = (await broker.status()).log.laps;
  assert.ok(laps > 0, 'the worker was lapped');
  say(`a stopped worker was lapped ${laps} times and caught up`);

  // The same for both, with more than the tail holds in memory, so that they have to read it back from disk.
  const big = new Publisher(broker, 'bounds/big', { window: 8, bytes: 32 << 10 });
  const bigSubscribers = new Helper('subscribers', broker.port, '--dense', 4, '/streams/bounds/big');
  await bigSubscribers.answer('connected');
  await freeze(...WORKERS);
  await publish(slow, BLOCKS);
  await big.publish(1500, 60_000);
  await thaw();
  await all();
  await bigSubscribers.ask('wait 6000', 'reached', 60_000);
  status = await broker.status();
  assert.ok(status.workers.reduce((sum, worker) => sum + worker.cold_reads, 0) > 0, 'what left the memory came from disk');
  assert.ok(status.log.laps > laps, 'they were lapped again');
  say(`both were stopped, while 47 MiB went through a tail of 16 MiB; now ${status.log.laps} laps`);

  // The log is stopped, and the workers want more of it than its inbox holds.
  const streams = 600;
  await freeze('ringcast-log');
  const early = new Helper('subscribers', broker.port, streams, '/streams/bounds/early/*?from=earliest');
  await sleep(300);
  await thaw();
  await early.answer('connected', 60_000);
  const toEarly = new Publisher(broker, 'bounds/early/', { streams });
  await toEarly.publish(streams * 3, 60_000);
  await early.ask(`wait ${streams * 3}`, 'reached', 60_000);
  say(`${streams} subscriptions went through a log inbox of 16`);

  // All at once: full load, many new subscriptions with history, threads stopped in turn.
  slow.order('run');
  const fast = new Publisher(broker, 'bounds/fast', { window: 4, bytes: 200 });
  fast.order('run');
  const churn = [];
  const turns = [[WORKERS[0]], ['ringcast-log'], WORKERS, [...WORKERS, 'ringcast-log'], [WORKERS[1], 'ringcast-log'], [WORKERS[1]]];
  for (let turn = 0; turn < 2 * turns.length; turn++) {
    await freeze(...turns[turn % turns.length]);
    churn.push(new Helper('subscribers', broker.port, '--dense', 4, '/streams/bounds/fast?from=earliest',
      2, '/events?stream=bounds/one&from=earliest'));
    churn.push(new Helper('subscribers', broker.port, 100, `/streams/bounds/new${turn}/*`));
    await sleep(100 / slowness);
    await thaw();
    await sleep(100);
  }
  const [fastCount] = await fast.stop();
  const [slowCount] = await slow.stop();
  events = slowCount;
  await all();
  for (let i = 0; i < churn.length; i += 2) {
    await churn[i].answer('connected', 60_000);
    await churn[i].ask(`wait ${4 * fastCount + 2 * slowCount}`, 'reached', 60_000);
    await churn[i + 1].answer('connected', 60_000);
  }
  status = await broker.status();
  assert.equal(status.log.fault, null);
  assert.equal(status.workers.reduce((sum, worker) => sum + worker.gaps_told, 0), 0, 'nobody was told of a gap');
  say(`${fastCount} and ${slowCount} events to all of ${6 * turns.length * 2} subscribers, ${status.log.laps} laps`);
  await broker.stop();
});

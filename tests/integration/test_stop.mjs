// SIGTERM under load: the broker ends by itself within its ten seconds with exit status 0, tells its subscribers when
// to come back, and loses nothing that it acknowledged. SIGINT does the same (issue 2, Workers).
// timeout: 180
// smoke
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Helper, Publisher, Subscriber, readNumbers, scratch, slowness, test, until } from './broker.mjs';

const SUBSCRIBERS = 100;
const RETRY_MS = 40;

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--retry', `${RETRY_MS}ms`, '--lag-events', '0', '--lag-bytes', '0'] });
  const levels = { received: 0, written: 1, synced: 2 };
  const publishers = ['written', 'synced'].map((name, i) => new Publisher(broker, `stop/${name}`, {
    first: 1e9 * i + 1, level: levels[name], window: 16, acks: join(scratch, `acks.${name}`),
  }));
  const resender = new Publisher(broker, 'stop/resent', { first: 2e9 + 1, resend: 5, window: 16, acks: join(scratch, 'acks.resent') });
  publishers.push(resender);
  const record = join(scratch, 'seen');
  const subscribers = new Helper('subscribers', broker.port, '--reconnect', SUBSCRIBERS, '/streams/stop/written');
  const recorder = new Helper('subscribers', broker.port, '--reconnect', '--record', record, 1,
    '/events?stream=stop/written&stream=stop/synced&stream=stop/resent');
  await subscribers.answer('connected');
  await recorder.answer('connected');
  const plain = await new Subscriber(broker, '/streams/quiet').begun();
  for (const publisher of publishers) publisher.order('run');

  let stops = 0;
  const reconnected = async () => (await subscribers.ask('report', 'report'))[1];
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) {
    const [before] = await subscribers.ask('report', 'report');
    await until('events flow', async () => (await subscribers.ask('report', 'report'))[0] > before + 20_000 / slowness);
    const began = Date.now();
    const end = await broker.child.end(signal);
    assert.deepEqual(end, { code: 0, signal: null }, `how ${signal} ends it`);
    const took = Date.now() - began;
    assert.ok(took < 10_000 * slowness, `${signal} ends it within its time, not ${took} ms`);
    say(`${signal}: ended after ${took} ms`);
    await broker.start();
    stops++;
    await until('all have lost their connection', async () => await reconnected() >= stops * SUBSCRIBERS);
  }
  await plain.ended;
  assert.equal(plain.failure, null);
  const retries = plain.notices.filter((notice) => notice.retry !== null).map((notice) => notice.retry);
  assert.equal(retries[0], RETRY_MS);
  assert.equal(retries.length, 2, 'a goodbye with its retry');
  assert.ok(retries[1] >= RETRY_MS, `the goodbye's retry, ${retries[1]} ms`);
  assert.match(plain.notices.map((notice) => notice.comment ?? '').join('|'), /going away/);

  let last = 0;
  for (const publisher of publishers) last = Math.max(last, (await publisher.stop())[1]);
  await until('the subscriber of all has the last event', async () => (await recorder.ask('last', 'last'))[0] === last);
  await recorder.ask('report', 'report');
  const [, , goodbyes] = await subscribers.ask('report', 'report');
  assert.ok(goodbyes > 0, 'subscribers under load were told to come back');

  // All that was acknowledged was delivered to who asked for it all, with the same ids.
  const seen = new Map();
  const numbers = readNumbers(record, 3);
  for (let i = 0; i < numbers.length; i += 3) seen.set(numbers[i + 1], numbers[i + 2]);
  let acknowledged = 0;
  for (const publisher of publishers) {
    const acks = publisher.acks();
    for (let i = 0; i < acks.length; i += 3) {
      if (seen.get(acks[i]) !== acks[i + 1]) assert.fail(`event ${acks[i]}, acknowledged as ${acks[i + 1]}: ${seen.get(acks[i])}`);
      acknowledged++;
    }
  }
  say(`${acknowledged} acknowledged events are there, ${goodbyes} goodbyes were heard`);
  await broker.stop();
});

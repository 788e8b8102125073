// Old events go: by bytes in whole segments, by age; those who ask for them are told of the gap, at the beginning of a
// stream and in the middle of a replay that retention overtook (mission A6, B3, B5, B7).
// timeout: 180
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, Lines, Publisher, Subscriber, binary, sleep, test, until } from './broker.mjs';

const MIB = 1 << 20;
const BYTES = 4000;
const EVENTS = 8000; // 31 MiB, of which 16 are kept: more than sockets hold

const numberOf = (event) => Number.parseInt(event.data, 10);
const gapOf = (subscriber) => /^ringcast-gap: (\d+)-(\d+)\/(\w+)$/im.exec(subscriber.header);

// All events of a subscriber in order, gaps taken for what they say. Returns how many were missing.
function check(events, firstId, lastId) {
  let next = firstId;
  let missing = 0;
  for (const event of events) {
    if (event.type === 'gap') {
      const gap = JSON.parse(event.data);
      assert.equal(gap.reason, 'expired');
      assert.ok(gap.from <= next && gap.to >= next, `a gap of ${gap.from} to ${gap.to}, at ${next}`);
      missing += gap.to + 1 - next;
      next = gap.to + 1;
    } else {
      assert.equal(event.id, next, 'ids without a hole that was not told of');
      assert.equal(numberOf(event), next, 'the event of this id');
      next++;
    }
  }
  assert.equal(next, lastId + 1);
  return missing;
}

test(async ({ say }) => {
  const flags = ['--segment-bytes', '2MiB', '--retention-bytes', '16MiB', '--tail-bytes', '16MiB', '--event-bytes-max', '64KiB', '--lag-events', '0',
    '--lag-bytes', '0', '--retry', '50ms'];
  const broker = await Broker.start({ flags });
  const publisher = new Publisher(broker, 'keep', { bytes: BYTES });
  await publisher.publish(EVENTS);
  const segments = () => readdirSync(broker.data).filter((name) => name.startsWith('segment-'));
  await until('old segments are gone', () => segments().length <= 11);
  const bytes = segments().reduce((sum, name) => sum + statSync(join(broker.data, name)).blocks * 512, 0);
  assert.ok(bytes <= 24 * MIB, `${bytes} bytes on disk`);

  const all = async (path, headers = {}) => {
    const subscriber = await new Subscriber(broker, path, { headers }).begun();
    await until('the last event', () => subscriber.events.at(-1)?.id === EVENTS);
    subscriber.close();
    return subscriber;
  };
  const look = async () => {
    // The oldest that is kept, without a word of what went before: nobody asked for that.
    const earliest = await all('/streams/keep?from=earliest');
    assert.equal(gapOf(earliest), null);
    const first = earliest.events[0].id;
    check(earliest.events, first, EVENTS);
    assert.ok(earliest.events.length * BYTES > 12 * MIB && earliest.events.length * BYTES < 18 * MIB, `${earliest.events.length} kept`);
    // Who was there before is told what is missing.
    const resumed = await all('/streams/keep', { 'Last-Event-ID': 10 });
    const gap = gapOf(resumed);
    assert.deepEqual(gap?.slice(1), ['11', String(first - 1), 'expired']);
    assert.equal(check(resumed.events, 11, EVENTS), first - 11);
    const status = await broker.status();
    assert.equal(status.log.first_id, first);
    return first;
  };
  const first = await look();
  await broker.stop();
  await broker.start();
  assert.equal(await look(), first, 'the same after a restart');
  await broker.kill();
  await broker.start();
  const again = await look();
  assert.ok(again >= first, 'the same or more is gone after a kill');
  say(`${EVENTS - again + 1} of ${EVENTS} events are kept`);
  const verified = execFileSync(binary, ['log', 'verify', '--data-dir', broker.data], { encoding: 'utf8' });
  assert.match(verified, /no faults/);

  // Readers that are overtaken in the middle: one of native frames, one of envelopes.
  const slow = await new Subscriber(broker, '/streams/keep?from=earliest').begun();
  slow.socket.pause();
  const wrapped = await new Subscriber(broker, '/events?stream=keep&from=earliest').begun();
  wrapped.socket.pause();
  await until('both are held up', async () => (await broker.workerSum('throttled')) === 2);
  const more = new Publisher(broker, 'keep', { bytes: BYTES, first: EVENTS + 1 });
  await more.publish(2 * EVENTS);
  await until('what they were to read is gone', () => segments().length <= 11);
  const last = (await broker.status()).log.last_id;
  for (const [subscriber, path] of [[slow, '/streams/keep'], [wrapped, '/events?stream=keep']]) {
    subscriber.socket.resume();
    const isThere = (one) => one.events.at(-1)?.id === last;
    await until('it has the last event, or was let go', () => subscriber.socket.destroyed || isThere(subscriber));
    const events = subscriber.events;
    if (!isThere(subscriber)) {
      // It was in the middle of a frame whose rest is gone. EventSource comes back by itself, and is told then.
      const back = await new Subscriber(broker, path, { headers: { 'Last-Event-ID': events.at(-1).id } }).begun();
      assert.equal(gapOf(back)?.[3], 'expired');
      await until('it has the last event', () => isThere(back));
      events.push(...back.events);
      back.close();
    }
    let next = 0; // ids may jump once, at the kill
    let gaps = 0;
    for (const event of events) {
      if (event.type === 'gap') {
        const gap = JSON.parse(event.data);
        assert.equal(gap.reason, 'expired');
        next = gap.to + 1;
        gaps++;
      } else {
        const jumped = event.id - next >= MIB;
        assert.ok(next === 0 || event.id === next || jumped, `id ${event.id} where ${next} was due`);
        next = event.id + 1;
      }
    }
    assert.equal(gaps, 1, 'it was told of what it missed');
    subscriber.close();
  }
  say('readers that retention overtook were told');
  await broker.stop();

  // By age, of one stream; and streams that keep nothing and that nobody uses are forgotten.
  const aged = await Broker.start({ directory: join(broker.directory, 'aged'), flags: ['--stream-idle', '1s'] });
  const lines = await Lines.connect(aged.socket);
  await lines.publish('short/lived', 'old');
  assert.deepEqual(await lines.ask({ op: 'set', stream: 'short/lived', retention_age: '1s' }), { done: true });
  const { id } = await lines.publish('long/lived', 'x');
  await until('it is gone', async () => {
    const query = 'stream=short/lived&stream=long/lived&from=earliest';
    const reader = await new Subscriber(aged, `/events?${query}`).begun();
    await until('what is kept', () => reader.events.at(-1)?.id === id);
    reader.close();
    return reader.events.length === 1;
  });
  await until('the stream is forgotten', async () => {
    const { streams } = await lines.ask({ op: 'streams' });
    return streams.length === 1 && streams[0].name === 'long/lived';
  });
  const anew = await lines.publish('short/lived', 'new');
  assert.equal(anew.sequence, 1, 'a stream that was forgotten begins anew');
  assert.ok(anew.id > id);
  lines.close();
  await aged.stop();
});

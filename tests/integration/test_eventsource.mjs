// The npm package eventsource, as applications use it: it reconnects by itself through a SIGKILL and a restart of the
// broker on the same port, and its user sees every event exactly once, in order (issue 2, point 6; mission M3).
// timeout: 180
import assert from 'node:assert/strict';
import { load } from '../npm.mjs';
import { Broker, Lines, sleep, test, until } from './broker.mjs';

const { EventSource } = load('eventsource');
const RESTARTS = 5;
const STREAMS = ['es/one', 'es/two'];

// Publishes numbers until told to stop, each again until it is acknowledged: by producer id and sequence the broker
// recognises what it has already.
class Counter {
  constructor(broker) {
    this.broker = broker;
    this.next = 1;
    this.isStopped = false;
    this.done = this.run();
  }

  async run() {
    let lines = null;
    while (!this.isStopped) {
      try {
        lines ??= await Lines.connect(this.broker.socket);
        const answer = await lines.ask({
          stream: STREAMS[this.next % 2], type: 'count', data: String(this.next), producer_id: 77, epoch: 1,
          producer_sequence: this.next,
        });
        assert.equal(answer.error, undefined, JSON.stringify(answer));
        this.next++;
        await sleep(2);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        lines?.close();
        lines = null;
        await sleep(10);
      }
    }
    lines?.close();
  }
}

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--retry', '50ms'] });
  const native = { numbers: [], opened: 0 };
  const wrapped = { numbers: [], opened: 0, ids: [] };

  const one = new EventSource(`${broker.url}/streams/${STREAMS[1]}?from=earliest`);
  one.addEventListener('count', (event) => native.numbers.push(Number(event.data)));
  one.addEventListener('open', () => { native.opened++; });
  const gaps = [];
  one.addEventListener('gap', (event) => gaps.push(event.data));

  const query = STREAMS.map((name) => `stream=${encodeURIComponent(name)}`).join('&');
  const two = new EventSource(`${broker.url}/events?${query}&from=earliest`);
  two.addEventListener('count', (event) => {
    const envelope = JSON.parse(event.data);
    assert.equal(event.lastEventId, String(envelope.id));
    assert.equal(envelope.stream, STREAMS[Number(envelope.data) % 2]);
    wrapped.numbers.push(Number(envelope.data));
    wrapped.ids.push(envelope.id);
  });
  two.addEventListener('open', () => { wrapped.opened++; });
  two.addEventListener('gap', (event) => gaps.push(event.data));

  await until('both are connected', () => native.opened === 1 && wrapped.opened === 1);
  const counter = new Counter(broker);
  for (let restart = 1; restart <= RESTARTS; restart++) {
    const goal = counter.next + 50;
    await until('events flow', () => wrapped.numbers.at(-1) >= goal && native.numbers.at(-1) >= goal);
    await broker.kill();
    await sleep(30 * restart);
    await broker.start();
    await until('both came back', () => native.opened > restart && wrapped.opened > restart);
  }
  const goal = counter.next + 50;
  await until('events flow again', () => counter.next > goal);
  counter.isStopped = true;
  await counter.done;
  const last = counter.next - 1;
  await until('the last events', () => wrapped.numbers.at(-1) === last && native.numbers.at(-1) >= last - 1);

  assert.deepEqual(gaps, [], 'no gaps are told');
  assert.deepEqual(wrapped.numbers, Array.from({ length: last }, (_, i) => i + 1), 'every event once, in order');
  const odd = Array.from({ length: last }, (_, i) => i + 1).filter((number) => number % 2 === 1);
  assert.deepEqual(native.numbers, odd, 'every event of its stream once, in order');
  assert.ok(wrapped.ids.every((id, i) => i === 0 || id > wrapped.ids[i - 1]), 'ids rise');
  assert.equal(one.readyState, EventSource.OPEN);
  one.close();
  two.close();

  // A refusal ends it for good, as the standard says: it does not come back to an address that gives 404.
  const refused = new EventSource(`${broker.url}/stream?stream_id=nobody`);
  const error = await new Promise((resolve) => refused.addEventListener('error', resolve));
  assert.equal(error.code, 404);
  assert.equal(refused.readyState, EventSource.CLOSED);
  say(`${last} events through ${RESTARTS} kills`);
  await broker.stop();
});

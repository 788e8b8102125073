// Streams that are deleted and made anew at once, under subscribers of all paces and through a kill: nobody's connection goes
// from one life of a stream into the next, and within each nothing is missing that is not told of (mission G3).
// timeout: 120
import assert from 'node:assert/strict';
import { Broker, Lines, Subscriber, sleep, test, until } from './broker.mjs';

const STREAMS = ['a', 'b'];
const LIVES = 500; // of each stream, in each half
const EVENTS_MAX = 12; // of a life
const STANDS_EACH = 10; // so manieth lives, and those that a kill interrupts, stand until somebody read of them; most others
                        // are gone before anybody comes

const place = (life, number) => life * 100 + number;

let isOver = false;
const seen = { connections: 0, lives: 0, ends: 0, last: new Map(STREAMS.map((stream) => [stream, 0])) };

// Several lives in one write, so that the log gets them in one round. The last one is left open with one event; the next half
// goes on with it: a kill ends no life.
async function write(broker, stream, first) {
  const lines = await Lines.connect(broker.socket);
  for (let life = first; life < first + LIVES; life++) {
    const answers = [];
    const count = 1 + Math.floor(Math.random() * EVENTS_MAX);
    const data = Math.random() < 0.1 ? 'x'.repeat(30_000) : '';
    const next = life === first && first > 1 ? 2 : 1;
    const pausesBehind = Math.random() < 0.1 ? Math.floor(next + Math.random() * count) : 0;
    for (let i = next; i < next + count; i++) {
      answers.push(lines.send({ stream, data: `${stream}:${life}:${i}:${data}` }));
      if (i === pausesBehind) await sleep(Math.random() * 10);
    }
    if (life === first || life % STANDS_EACH === 0) {
      await until(`${stream} ${life}:${next} is read`, () => seen.last.get(stream) >= place(life, next));
    }
    answers.push(lines.send({ op: 'end', stream, life: 'delete' }));
    if (Math.random() < 0.5) answers.push(lines.send({ op: 'set', stream }));
    if (Math.random() < 0.3) {
      for (const answer of await Promise.all(answers)) assert.equal(answer.error, undefined, JSON.stringify(answer));
      await sleep(Math.random() * 10);
    }
  }
  await lines.publish(stream, `${stream}:${first + LIVES}:1:`);
  lines.close();
}

// What one connection got, frame by frame.
class Lives {
  constructor(streams) {
    this.of = new Map(streams.map((stream) => [stream, { life: 0, number: 0, mayMiss: true, isOver: false }]));
    this.id = 0;
    this.frames = []; // the last ones, for who asks why it failed
  }

  take(event) {
    this.frames = [...this.frames.slice(-9), `${event.id} ${event.type ?? 'event'} ${event.data.slice(0, 60)}`];
    if (event.id !== null) {
      assert.ok(event.type === null ? event.id > this.id : event.id >= this.id, `ids do not go up: ${this.id}, ${event.id}`);
      this.id = event.id;
    }
    if (event.type === 'gap') {
      for (const stream of this.of.values()) stream.mayMiss = true;
    } else if (event.type === 'end') {
      const { stream, reason } = JSON.parse(event.data);
      assert.equal(reason, 'deleted');
      assert.equal(this.of.get(stream).isOver, false, 'told once');
      this.of.get(stream).isOver = true;
      seen.ends++;
    } else if (event.type === null) {
      const [name, life, number] = event.data.split(':');
      this.takeEvent(name, Number(life), Number(number));
    }
  }

  takeEvent(name, life, number) {
    const stream = this.of.get(name);
    assert.equal(stream.isOver, false, 'nothing behind the end');
    seen.last.set(name, Math.max(seen.last.get(name), place(life, number)));
    if (stream.life === 0) seen.lives++;
    else assert.equal(life, stream.life, 'a connection stays with one life');
    if (!stream.mayMiss) assert.equal(number, stream.number + 1, `${life}:${number} behind ${stream.number}`);
    Object.assign(stream, { life, number, mayMiss: false });
  }
}

// Comes back with the last id, as EventSource does, until the test is over.
async function read(broker, streams, query, pauses) {
  let id = null;
  while (!isOver) {
    const lives = new Lives(streams);
    const path = streams.length === 1 ? `/streams/${streams[0]}?` : `/events?envelope=0&${streams.map((s) => `stream=${s}`).join('&')}&`;
    const subscriber = new Subscriber(broker, path + query, {
      headers: id !== null && Math.random() < 0.8 ? { 'Last-Event-ID': id } : {},
      onEvent: (event) => {
        lives.take(event);
        if (!pauses || Math.random() < 0.9) return;
        subscriber.socket.pause();
        setTimeout(() => subscriber.socket.resume(), Math.random() * 100);
      },
    });
    seen.connections++;
    let isClosed = false;
    void subscriber.ended.then(() => { isClosed = true; });
    // What is no stream, such as 404 while it is deleted, leaves the connection open for another request.
    const isRefused = () => subscriber.header !== null && !subscriber.header.startsWith('HTTP/1.1 200 ');
    await until('it ends, or the test', () => isClosed || isRefused() || isOver, 60_000);
    if (subscriber.failure) {
      console.log(`${path}${query}\n${subscriber.header}\n${lives.frames.join('\n')}`);
      throw subscriber.failure;
    }
    subscriber.close();
    if (lives.id > 0) id = lives.id;
    await sleep(Math.random() * 10);
  }
}

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--segment-bytes', '1MiB', '--event-bytes-max', '128KiB'] });
  const queries = ['', 'from=earliest', 'from=earliest&batching=on&batch_size=5&batch_timeout=20ms', 'events_per_second=200&burst=10'];
  const readers = [...queries, ...queries].flatMap((query, i) =>
    STREAMS.map((stream) => read(broker, [stream], query, i >= queries.length)));
  readers.push(read(broker, STREAMS, '', false), read(broker, STREAMS, '', true));
  const failed = Promise.all(readers);
  const half = async (first) => Promise.race([failed, Promise.all(STREAMS.map((stream) => write(broker, stream, first)))]);
  await half(1);
  await broker.kill();
  await broker.start();
  await half(1 + LIVES);
  // They are where the streams are by now.
  for (const stream of STREAMS) {
    const last = await new Subscriber(broker, `/streams/${stream}?from=earliest`).begun();
    assert.deepEqual((await last.has(1)).map((event) => event.data), [`${stream}:${1 + 2 * LIVES}:1:`]);
    last.close();
  }
  await sleep(300);
  isOver = true;
  await failed;
  say(`${seen.connections} connections, ${seen.lives} lives seen, ${seen.ends} ends`);
  assert.ok(seen.ends > 0);
  await broker.stop();
});

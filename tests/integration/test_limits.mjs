// The limits of C6: each is reached, answered with its own error, and gone again when there is room.
// timeout: 120
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Lines, Subscriber, answerTo, scratch, test, until, within } from './broker.mjs';

const get = (target, fields = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const held = (broker) => new Subscriber(broker, '/streams/a').begun();

// Each: the settings that lower a limit, and what then happens at it.
const limits = {
  'connections in all': {
    flags: ['--connections-max', '2'],
    async check(broker) {
      const subscribers = [await held(broker), await held(broker)];
      assert.deepEqual(await answerTo(broker, get('/streams/a')), { status: 503, code: 'too_many_connections', retries: true });
      subscribers[0].close();
      await until('there is room', async () => (await answerTo(broker, get('/streams/a'))).status === 200);
      subscribers[1].close();
    },
  },
  'connections of one address': {
    flags: ['--connections-per-address', '2'],
    async check(broker) {
      const subscribers = [await held(broker), await held(broker)];
      assert.deepEqual(await answerTo(broker, get('/streams/a')), { status: 429, code: 'too_many_connections', retries: true });
      const other = await answerTo(broker, get('/streams/a'), { from: '127.0.0.2' });
      assert.equal(other.status, 200, 'another address is not concerned');
      subscribers[0].close();
      await until('there is room', async () => (await answerTo(broker, get('/streams/a'))).status === 200);
      subscribers[1].close();
    },
  },
  'requests a second of one address': {
    flags: ['--requests-per-address', '2'],
    async check(broker) {
      let answer = await answerTo(broker, get('/nothing'));
      assert.equal(answer.code, 'not_found');
      await until('it is refused', async () => {
        answer = await answerTo(broker, get('/nothing'));
        return answer.code !== 'not_found';
      });
      assert.deepEqual(answer, { status: 429, code: 'rate_limited', retries: true });
      assert.equal((await answerTo(broker, get('/streams/a'), { from: '127.0.0.2' })).status, 200, 'another address is not concerned');
      await until('the next second', async () => (await answerTo(broker, get('/streams/a'))).status === 200);
    },
  },
  'streams of one connection': {
    flags: ['--connection-streams-max', '2'],
    async check(broker) {
      assert.equal((await answerTo(broker, get('/events?stream=a&stream=b'))).status, 200);
      assert.deepEqual(await answerTo(broker, get('/events?stream=a&stream=b&stream=c')),
        { status: 400, code: 'too_many_streams', retries: false });
    },
  },
  'size of the header': {
    flags: ['--header-bytes-max', '1KiB'],
    async check(broker) {
      assert.equal((await answerTo(broker, get('/streams/a', `X: ${'x'.repeat(900)}\r\n`))).status, 200);
      assert.deepEqual(await answerTo(broker, get('/streams/a', `X: ${'x'.repeat(1000)}\r\n`)),
        { status: 431, code: 'header_too_large', retries: false });
    },
  },
  'time of the request': {
    flags: ['--request-timeout', '200ms'],
    async check(broker) {
      assert.deepEqual(await answerTo(broker, 'GET /streams/a HTTP/1.1\r\nHost:'),
        { status: 408, code: 'request_timeout', retries: false });
    },
  },
  'size of an event': {
    flags: ['--event-bytes-max', '1KiB'],
    async check(broker) {
      assert.ok((await broker.ask({ stream: 'a', data: 'x'.repeat(1024) })).id > 0);
      assert.equal((await broker.ask({ stream: 'a', data: 'x'.repeat(1025) })).error, 'too_large');
    },
  },
  'events a second of one producer': {
    flags: ['--producer-events-per-second', '20'],
    async check(broker) {
      const lines = await Lines.connect(broker.socket);
      const answers = await within('30 answers', Promise.all(
        Array.from({ length: 30 }, (_, i) => lines.send({ stream: 'a', data: i, ref: i }))));
      assert.ok(answers.every((one, i) => one.ref === i && one.sequence === i + 1), 'slowed, not refused, and in order');
      assert.ok((await broker.status()).ingest.rate_waits > 0, 'it was slowed');
      lines.close();
    },
  },
  producers: {
    flags: ['--producers-max', '1'],
    async check(broker) {
      const first = await Lines.connect(broker.socket);
      await first.publish('a', 'x');
      assert.equal((await broker.ask({ stream: 'a', data: 'x' })).error, 'too_many_connections');
      first.close();
      await until('there is room', async () => (await broker.ask({ stream: 'a', data: 'x' })).id > 0);
    },
  },
};

test(async ({ say }) => {
  let count = 0;
  for (const [name, { flags, check }] of Object.entries(limits)) {
    const broker = await Broker.start({ flags, directory: join(scratch, `limit${count++}`) });
    await check(broker);
    await broker.stop();
    say(`${name}: ${flags.join(' ')}`);
  }
});

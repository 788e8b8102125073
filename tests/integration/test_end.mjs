// Streams that end: their subscribers get all of them, are told and closed, and those that come back are answered so that
// they stay away (mission G3). The npm package eventsource stops at 204, as browsers do.
// timeout: 120
import assert from 'node:assert/strict';
import { load } from '../npm.mjs';
import { Broker, Child, Subscriber, answerTo, binary, sleep, test, until, within } from './broker.mjs';

const { EventSource } = load('eventsource');
const RETRY_MS = 50;

const get = (path, fields = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;

// What a subscriber got that a producer sent, and what it was told.
const dataOf = ({ events }) => events.filter((event) => event.type === null).map((event) => event.data);
const endsOf = ({ events }) => events.filter((event) => event.type === 'end').map((event) => JSON.parse(event.data));
const endOf = (subscriber) => within('the end of the connection', subscriber.ended);

const close = async (broker, stream, life = 'close') => {
  const answer = await broker.ask({ op: 'end', stream, life });
  assert.equal(answer.error, undefined, JSON.stringify(answer));
};

const publish = async (broker, stream, count, text = 'event') => {
  let id = 0;
  for (let i = 0; i < count; i++) ({ id } = await broker.ask({ stream, data: `${text} ${i}` }));
  assert.ok(id > 0);
  return id;
};

const numbered = (count, text = 'event') => Array.from({ length: count }, (_, i) => `${text} ${i}`);

async function eventSourceStops(broker) {
  const statuses = [];
  const events = [];
  const ends = [];
  const source = new EventSource(`${broker.url}/streams/answer?from=earliest`, {
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      statuses.push(response.status);
      return response;
    },
  });
  source.onmessage = (event) => events.push(event.data);
  source.addEventListener('end', (event) => ends.push(JSON.parse(event.data)));
  await until('it is open', () => source.readyState === EventSource.OPEN);
  await publish(broker, 'answer', 5);
  await close(broker, 'answer');
  await until('it is told to stay away', () => source.readyState === EventSource.CLOSED);
  assert.deepEqual(events, numbered(5));
  assert.deepEqual(ends, [{ stream: 'answer', reason: 'closed' }]);
  assert.deepEqual(statuses, [200, 204]);
  await sleep(4 * RETRY_MS);
  assert.equal(statuses.length, 2, 'and does');
}

async function manySubscribersOfAllPaces(broker) {
  const paths = ['/streams/many', '/streams/many?batching=on&batch_size=4&batch_timeout=20ms', '/streams/many?from=earliest',
    '/events?stream=many&envelope=0'];
  const text = 'x'.repeat(20_000);
  const subscribers = Array.from({ length: 60 }, (_, i) => new Subscriber(broker, paths[i % paths.length]));
  await Promise.all(subscribers.map((subscriber) => subscriber.begun()));
  for (let i = 0; i < subscribers.length; i += 3) subscribers[i].socket.pause();
  await publish(broker, 'many', 100, text);
  await close(broker, 'many', 'cancel');
  for (const subscriber of subscribers) subscriber.socket.resume();
  for (const subscriber of subscribers) {
    await endOf(subscriber);
    assert.deepEqual(dataOf(subscriber), numbered(100, text));
    assert.deepEqual(endsOf(subscriber), [{ stream: 'many', reason: 'cancelled' }]);
    assert.equal(subscriber.events.at(-1).type, 'end', 'is the last');
  }
}

async function severalOnOneConnection(broker) {
  const subscriber = new Subscriber(broker, '/events?stream=one&stream=two');
  await subscriber.begun();
  await publish(broker, 'one', 3);
  await close(broker, 'one');
  await until('the first end', () => endsOf(subscriber).length === 1);
  const last = await publish(broker, 'two', 2);
  await close(broker, 'two', 'cancel');
  await endOf(subscriber);
  const seen = dataOf(subscriber).map((data) => JSON.parse(data));
  assert.deepEqual(seen.map((event) => event.stream), ['one', 'one', 'one', 'two', 'two']);
  assert.deepEqual(endsOf(subscriber), [{ stream: 'one', reason: 'closed' }, { stream: 'two', reason: 'cancelled' }]);
  const end = subscriber.events.at(-1);
  assert.ok(end.id >= last, 'with an id to come back with');
  const both = get('/events?stream=one&stream=two', `Last-Event-ID: ${end.id}\r\nConnection: close\r\n`);
  assert.equal((await answerTo(broker, both)).status, 204);
}

async function aDeletedStream(broker) {
  const subscriber = new Subscriber(broker, '/streams/gone');
  await subscriber.begun();
  const id = await publish(broker, 'gone', 3);
  await until('it has all', () => subscriber.events.length === 3);
  await close(broker, 'gone', 'delete');
  await endOf(subscriber);
  assert.deepEqual(endsOf(subscriber), [{ stream: 'gone', reason: 'deleted' }]);
  assert.ok(!subscriber.events.some((event) => event.type === 'gap'), 'it had all of it');
  const answer = await answerTo(broker, get('/streams/gone', `Last-Event-ID: ${id}\r\n`));
  assert.deepEqual([answer.status, answer.code], [404, 'stream_not_found']);
  assert.ok(await publish(broker, 'gone', 1, 'anew') > id, 'made anew, its ids go on');
  const next = new Subscriber(broker, '/streams/gone?from=earliest');
  await until('the new event', () => next.events.length === 1);
  assert.deepEqual(dataOf(next), ['anew 0']);
  next.close();
}

// What was closed stays so over a crash, and with nothing more to come replays end.
async function replayEnds(broker) {
  await broker.kill();
  await broker.start();
  const whole = new Subscriber(broker, '/stream?stream_id=answer');
  await endOf(whole);
  assert.deepEqual(dataOf(whole), numbered(5));
  const { id } = whole.events.at(-1);
  const rest = new Subscriber(broker, '/streams/answer?from=last:2');
  await endOf(rest);
  assert.deepEqual(dataOf(rest), numbered(5).slice(3));
  for (const path of ['/streams/answer', '/stream?stream_id=answer', '/api/sse?sessionId=answer', '/events?stream=answer']) {
    const request = get(path, `Last-Event-ID: ${id}\r\nConnection: close\r\n`);
    assert.equal((await answerTo(broker, request)).status, 204, path);
  }
  const refused = await broker.ask({ stream: 'answer', data: 'late' });
  assert.equal(refused.error, 'stream_closed');
  const lines = [];
  const client = new Child(binary, ['subscribe', '--url', broker.url, '--from', 'earliest', '--json', 'answer'],
    { onLine: (line) => lines.push(JSON.parse(line)) });
  assert.equal((await within('ringcast subscribe ends', client.ended)).code, 0);
  assert.equal(lines.filter((line) => line.data.startsWith('event ')).length, 5);
}

// As an application does that has an answer streamed: it makes the stream, its page subscribes before the first event, the
// last event closes it.
async function overHttp(broker) {
  const created = await fetch(`${broker.url}/streams`, { method: 'POST' });
  assert.equal(created.status, 201);
  const path = created.headers.get('location');
  const stream = path.slice('/streams/'.length);
  const early = await new Subscriber(broker, `/stream?stream_id=${stream}`).begun();
  for (const text of ['one', 'two']) assert.equal((await fetch(broker.url + path, { method: 'POST', body: text })).status, 200);
  const last = await fetch(`${broker.url}${path}?action=close`, { method: 'POST', body: 'three' });
  assert.equal(last.status, 200, await last.text());
  await endOf(early);
  assert.deepEqual(dataOf(early), ['one', 'two', 'three']);
  assert.deepEqual(endsOf(early), [{ stream, reason: 'closed' }]);
  assert.equal((await fetch(broker.url + path, { method: 'POST', body: 'four' })).status, 409);
  const head = await fetch(broker.url + path, { method: 'HEAD' });
  assert.equal(head.headers.get('ringcast-state'), 'closed');
  const resume = { headers: { 'Last-Event-ID': head.headers.get('ringcast-last-id') } };
  assert.equal((await fetch(broker.url + path, resume)).status, 204);
  const late = await new Subscriber(broker, `/stream?stream_id=${stream}`).begun();
  await endOf(late);
  assert.deepEqual(dataOf(late), ['one', 'two', 'three']);
  assert.equal((await fetch(broker.url + path, { method: 'DELETE' })).status, 204);
  assert.equal((await fetch(broker.url + path, resume)).status, 404);
}

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--retry', `${RETRY_MS}ms`, '--anonymous', 'all'] });
  await eventSourceStops(broker);
  say('EventSource stops');
  await manySubscribersOfAllPaces(broker);
  await severalOnOneConnection(broker);
  await aDeletedStream(broker);
  await overHttp(broker);
  say('live ends');
  await replayEnds(broker);
  assert.equal(await broker.workerSum('gaps_told'), 0);
  await broker.stop();
});

// Publishers over HTTP under pressure (mission C4): they are told to come again where subscribers of a stream that
// blocks are too far behind; a batch that has begun waits, as long as its stream says; other streams and the producers
// on the socket go on; what was answered is there, also behind a stop under load.
// timeout: 120
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { Broker, Lines, Subscriber, sleep, test, until, within } from './broker.mjs';

const LIMIT = 200;
const WAIT_MS = 1500;
const DATA = 'x'.repeat(8000);
const MOST = 20_000; // sockets hold far less
const BATCH = 900; // more than the sockets and the limit take together; 7 MB
const PUBLISHERS = 16;

const agent = new Agent({ keepAlive: true, maxSockets: PUBLISHERS });
const numberOf = (event) => Number.parseInt(event.data, 10);

function post(broker, path, body, headers = {}) {
  return within(`an answer to ${path}`, new Promise((resolve, reject) => {
    const asked = request(broker.url + path, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => { text += piece; });
      response.on('end', () => resolve({
        status: response.statusCode, retryAfter: response.headers['retry-after'], ...(text === '' ? {} : JSON.parse(text)),
      }));
    });
    asked.on('error', reject);
    asked.end(body);
  }));
}

const gatewayOf = async (broker) => (await broker.status()).gateway;

// One after the other, until one is refused: its number, and its answer.
async function publishUntilRefused(broker, stream, first) {
  for (let number = first; number < MOST; number++) {
    const answer = await post(broker, `/streams/${stream}`, `${number} ${DATA}`);
    if (answer.status !== 200) return { number, answer };
    assert.ok(answer.id > 0 && answer.accepted === 1, JSON.stringify(answer));
  }
  throw new Error('none is refused');
}

const batch = (first, count) => Array.from({ length: count }, (_, i) => JSON.stringify({ data: `${first + i} ${DATA}` })).join('\n');
const NDJSON = { 'Content-Type': 'application/x-ndjson' };

function checkAll(subscriber, count) {
  assert.ok(subscriber.events.every((event, i) => numberOf(event) === i + 1), 'each event once, in order');
  assert.equal(subscriber.events.length, count);
}

async function blocked(broker, say) {
  await broker.ask({ op: 'set', stream: 'block', overflow: 'block', lag_events: LIMIT, producer_wait: WAIT_MS });
  const slow = await new Subscriber(broker, '/streams/block').begun();
  await post(broker, '/streams/block', `1 ${DATA}`);
  await slow.has(1);
  slow.socket.pause();
  const refused = await publishUntilRefused(broker, 'block', 2);
  assert.deepEqual([refused.answer.status, refused.answer.code], [429, 'backpressure_exceeded']);
  assert.ok(Number(refused.answer.retryAfter) > 0, 'it says when to come again');
  assert.equal((await post(broker, '/streams/free', 'x')).status, 200, 'another stream');
  assert.equal((await broker.ask({ stream: 'free', data: 'x' })).error, undefined);
  say(`refused at ${refused.number}, others go on`);

  // It reads again, and nothing is lost.
  slow.socket.resume();
  let next = refused.number;
  await until('there is room again', async () => (await post(broker, '/streams/block', `${next} ${DATA}`)).status === 200);
  await slow.has(next);
  checkAll(slow, next++);

  // A batch that has begun: what is taken is told, and was taken.
  await until('nothing presses any more', async () => (await broker.status()).ingest.pressed_streams === 0);
  slow.socket.pause();
  let answer = await post(broker, '/streams/block', batch(next, BATCH), NDJSON);
  next += answer.accepted;
  assert.deepEqual([answer.status, answer.code], [429, 'backpressure_exceeded']);
  assert.equal(answer.index, answer.accepted);
  assert.ok(answer.accepted > 0 && answer.accepted < BATCH, `${answer.accepted} taken`);
  assert.equal((await gatewayOf(broker)).timeouts, 1);
  // The next one would begin at what was not taken: as soon as there is room.
  slow.socket.resume();
  await until('the rest is taken', async () => {
    answer = await post(broker, '/streams/block', batch(next, 10), NDJSON);
    return answer.status === 200;
  });
  next += 10;
  await slow.has(next - 1);
  checkAll(slow, next - 1);
  slow.close();
  const gateway = await gatewayOf(broker);
  assert.ok(gateway.refused > 0 && gateway.waits > 0, JSON.stringify(gateway));
  assert.deepEqual([gateway.tasks, gateway.waiting], [0, 0]);
  say(`a batch waited and was told what was taken: ${JSON.stringify(gateway)}`);
}

// What was answered before and while the broker ends is in the log of the next one.
async function stopped(broker, say) {
  const taken = [];
  let refusals = 0;
  let isOver = false;
  const publish = async (publisher) => {
    for (let i = 0; !isOver; i++) {
      const data = `${publisher}-${i}`;
      let answer;
      try {
        answer = await post(broker, '/streams/stop', data);
      } catch {
        return; // it is gone
      }
      if (answer.status === 200) taken.push({ data, id: answer.id });
      else {
        assert.deepEqual([answer.status, answer.code], [503, 'shutting_down'], JSON.stringify(answer));
        refusals++;
      }
    }
  };
  const publishers = Array.from({ length: PUBLISHERS }, (_, i) => publish(i));
  await sleep(300);
  await broker.stop();
  isOver = true;
  await Promise.all(publishers);
  await broker.start();
  const reader = await new Subscriber(broker, '/streams/stop?from=earliest').begun();
  await until('all that was answered is there', () => reader.events.length >= taken.length);
  const byId = new Map(reader.events.map((event) => [event.id, event.data]));
  for (const { data, id } of taken) assert.equal(byId.get(id), data);
  reader.close();
  say(`stopped under load: ${taken.length} answered, all there, ${refusals} told that it ends`);
}

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--stall-timeout', '0', '--anonymous', 'all'] });
  await blocked(broker, say);
  await stopped(broker, say);
  agent.destroy();
  await broker.stop();
});

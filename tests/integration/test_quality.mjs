// Quality of delivery with real clients: who asked for a rate gets that rate and loses nothing, others get everything at
// once; batches; what is too large; profiles, and what an operator sees of them (mission C1, E1, E2, A5; issue 4).
// timeout: 120
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { load } from '../npm.mjs';
import { binary, Broker, Lines, Publisher, Subscriber, sleep, test, until } from './broker.mjs';

const { EventSource } = load('eventsource');
const EVENTS = 2000;
const BYTES = 500;

const ids = (subscriber) => subscriber.events.map((event) => event.id);
const connectionId = (subscriber) => /Ringcast-Connection-Id: (\w+)/.exec(subscriber.header)[1];

async function subscribed(broker, path, options) {
  return new Subscriber(broker, path, options).begun();
}

// Everything published from now on comes at this pace, counted over some seconds: never more than the burst and the rate
// allow, and no less than half of it, however slow the machine is.
async function expectPace(broker, publisher, { path, rate, burst, seconds }) {
  const slow = await subscribed(broker, path);
  const quick = await subscribed(broker, '/streams/quality/pace');
  const began = performance.now();
  await publisher.publish(EVENTS);
  await quick.has(EVENTS);
  await until('it is throttled', async () => (await broker.workerSum('throttled')) === 1);
  await sleep(seconds * 1000 - (performance.now() - began));
  const passed = (performance.now() - began) / 1000;
  const count = slow.events.length;
  assert.ok(count <= burst + rate * passed + 1, `${count} events in ${passed} s at ${rate} a second`);
  assert.ok(count >= (burst + rate * seconds) / 2, `only ${count} events in ${passed} s at ${rate} a second`);
  assert.deepEqual(ids(slow), ids(quick).slice(0, count), 'in order, without a hole');
  slow.close();
  quick.close();
  return count;
}

async function testRates(broker, say) {
  const publisher = new Publisher(broker, 'quality/pace', { bytes: BYTES });
  const path = '/streams/quality/pace?';
  const merged = '/events?stream=quality/pace&stream=quality/other&envelope=0&';
  const frame = BYTES + 20;
  for (const pace of [
    { path: `${path}events_per_second=20&burst=5`, rate: 20, burst: 5, seconds: 3 },
    { path: `${merged}events_per_second=100&burst=1`, rate: 100, burst: 6, seconds: 2 }, // one, and what comes while a timer is late
    { path: `${path}client=api&events_per_second=40`, rate: 40, burst: 40, seconds: 2 },
    { path: `${path}bytes_per_second=${50 * frame}`, rate: 51, burst: 51, seconds: 2 },
  ]) {
    const count = await expectPace(broker, publisher, pace);
    say(`${pace.path}: ${count} events in ${pace.seconds} s`);
  }
  assert.equal(await broker.workerSum('gaps_told'), 0);
}

// Batches of five that would wait for long: what is not full is not there yet.
async function testBatches(broker) {
  const lines = await Lines.connect(broker.socket);
  const batched = await subscribed(broker, '/streams/quality/batch?batch_size=5&batch_timeout=10s');
  const plain = await subscribed(broker, '/streams/quality/batch');
  for (let i = 1; i <= 4; i++) await lines.publish('quality/batch', String(i));
  await plain.has(4);
  await sleep(100);
  assert.equal(batched.events.length, 0);
  const sends = await broker.workerSum('sends');
  await lines.publish('quality/batch', '5');
  await batched.has(5);
  await plain.has(5);
  assert.equal(await broker.workerSum('sends'), sends + 2, 'five events in one write');

  await lines.publish('quality/batch', '6');
  await plain.has(6);
  assert.equal(batched.events.length, 5);
  await lines.publish('quality/batch', '7', { priority: 'high' });
  await batched.has(7); // at once, with what had gathered
  assert.deepEqual(ids(batched), ids(plain));
  batched.close();

  const timed = await subscribed(broker, '/streams/quality/batch?batch_size=1000&batch_timeout=50ms');
  await lines.publish('quality/batch', '8');
  await timed.has(1);
  timed.close();
  plain.close();
  lines.close();
}

// Batches as events: none above its size, resumed by the id of any of them.
async function testBatchEvents(broker, say) {
  const lines = await Lines.connect(broker.socket);
  const path = '/streams/quality/array?from=earliest&batch=event&batch_size=10&batch_timeout=50ms';
  for (let i = 1; i <= 95; i++) await lines.publish('quality/array', `${i}`, { type: 'count' });
  const whole = await subscribed(broker, path);
  const eventsOf = (subscriber) => subscriber.events.flatMap((event) => JSON.parse(event.data));
  await until('all have come', () => eventsOf(whole).length === 95);
  assert.deepEqual(eventsOf(whole).map((event) => Number(event.data)), Array.from({ length: 95 }, (_, i) => i + 1));
  for (const event of whole.events) {
    const batch = JSON.parse(event.data);
    assert.equal(event.type, 'batch');
    assert.equal(event.id, batch.at(-1).id, 'the id of the last one');
    assert.ok(batch.length <= 10);
  }
  assert.ok(whole.events.length < 95 / 2, `${whole.events.length} batches`);
  say(`95 events in ${whole.events.length} batches`);
  for (const event of whole.events) {
    const rest = await subscribed(broker, path, { headers: { 'Last-Event-ID': event.id } });
    const expected = eventsOf(whole).filter((one) => one.id > event.id);
    await until('the rest has come', () => eventsOf(rest).length >= expected.length);
    assert.deepEqual(eventsOf(rest), expected);
    rest.close();
  }
  whole.close();

  // As an application does it.
  const source = new EventSource(`${broker.url}${path}`);
  const seen = [];
  source.addEventListener('batch', (event) => seen.push(...JSON.parse(event.data).map((one) => Number(one.data))));
  await until('a client has all', () => seen.length === 95);
  await broker.kill();
  await broker.start();
  const again = await Lines.connect(broker.socket);
  for (let i = 96; i <= 130; i++) await again.publish('quality/array', `${i}`, { type: 'count' });
  await until('it came back for the rest', () => seen.length >= 130);
  assert.deepEqual(seen, Array.from({ length: 130 }, (_, i) => i + 1), 'each once, through a kill');
  source.close();
  again.close();
  lines.close();
}

// Too large for the connection: it is told so, and can have the event from elsewhere.
async function testOversize(broker) {
  const lines = await Lines.connect(broker.socket);
  const large = 'x'.repeat(16 * 1024 + 1);
  const reader = await subscribed(broker, '/events?stream=quality/size&client=mobile');
  await lines.publish('quality/size', 'small');
  const { id } = await lines.publish('quality/size', large, { type: 'text' });
  await lines.publish('quality/size', 'after');
  await reader.has(3);
  assert.deepEqual(reader.events.map((event) => event.type), [null, 'oversize', null]);
  assert.deepEqual(JSON.parse(reader.events[1].data),
    { stream: 'quality/size', id, type: 'text', size: large.length, limit: 16 * 1024 });
  assert.equal(reader.events[1].id, id);
  const fetched = await subscribed(broker, `/streams/quality/size?from=${id - 1}`);
  await fetched.has(2);
  assert.equal(fetched.events[0].data, large);
  assert.equal(await broker.workerSum('oversize_told'), 1);
  reader.close();
  fetched.close();
  lines.close();
}

async function testRefusals(broker) {
  for (const [query, name] of [['client=tv', 'client'], ['batch=array', 'batch'], ['events_per_second=0', 'events_per_second'],
    ['batch_timeout=1h', 'batch_timeout'], ['batching=maybe', 'batching'], ['max_event_size=', 'max_event_size']]) {
    const response = await fetch(`${broker.url}/streams/a?${query}`);
    const problem = await response.json();
    assert.equal(response.status, 400, query);
    assert.equal(problem.code, 'invalid_parameter');
    assert.ok(problem.detail.startsWith(name), problem.detail);
  }
}

// What an operator sees of one connection.
async function testStatus(broker) {
  const headers = { 'User-Agent': 'Mozilla/5.0 (Linux; Android 14) Mobile' };
  const byAgent = await subscribed(broker, '/streams/quality/status', { headers });
  const bySelf = await subscribed(broker, '/streams/quality/status?client=desktop&events_per_second=5000', { headers });
  const values = async (subscriber) => {
    const { connection } = await broker.ask({ op: 'connection', connection: connectionId(subscriber) });
    return { ...connection.quality, ...Object.fromEntries(connection.quality.settings.map((one) => [one.name, `${one.value} ${one.from}`])) };
  };
  const chosen = await values(byAgent);
  assert.equal(chosen.profile, 'mobile');
  assert.equal(chosen.is_profile_by_agent, true);
  assert.equal(chosen.events_per_second, '20 profile');
  const said = await values(bySelf);
  assert.equal(said.profile, 'desktop');
  assert.equal(said.is_profile_by_agent, false);
  assert.equal(said.events_per_second, '1000 server', 'no more than the broker allows');
  assert.equal(said.batch_size, '5 profile');
  const shown = spawnSync(binary, ['status', '--socket', broker.socket, '--connection', connectionId(bySelf)], { encoding: 'utf8' });
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /^state +active$/m);
  assert.match(shown.stdout, /^events_per_second +1000 +server$/m);
  const unknown = spawnSync(binary, ['status', '--socket', broker.socket, '--connection', 'ffffffffffffffff'], { encoding: 'utf8' });
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /no such connection/);
  byAgent.close();
  bySelf.close();
}

test(async ({ say }) => {
  let broker = await Broker.start({ flags: ['--lag-events', '0', '--lag-bytes', '0', '--retry', '50ms'] });
  await testRates(broker, say);
  await testBatches(broker);
  await testOversize(broker);
  await testRefusals(broker);
  await testBatchEvents(broker, say);
  await broker.stop();
  broker = await Broker.start({ directory: broker.directory, flags: ['--user-agent-profiles', '--events-per-second-max', '1000'] });
  await testStatus(broker);
  await broker.stop();
});

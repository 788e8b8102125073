// What each overflow policy does to a reader that stalls and to one that reads a tenth of what comes: exactly what it says,
// with gaps that add up to what is missing and to what the broker counted; a healthy reader beside them gets everything
// (issue 4, must show 2; mission C2).
// timeout: 120
import assert from 'node:assert/strict';
import { Broker, Lines, Subscriber, test, until } from './broker.mjs';

const LAG = 500;
const BYTES = 1000;
const CHUNK = 400; // events published between two looks of a slow reader, which takes some 64 KiB of them
const CHUNKS = 75; // far more than sockets hold
const POLICIES = ['drop_oldest', 'drop_newest', 'drop_lowest', 'disconnect'];
const PRIORITIES = ['critical', 'high', 'normal', 'low', 'background'];

// Few critical ones, more high ones than a reader may lag, and the rest by turns.
const priorityOf = (number) => (number % 200 === 0 ? 0 : number % 20 === 1 ? 1 : 2 + (number % 3));

const numberOf = (event) => Number.parseInt(event.data, 10);

// Publishes on; ids[n] is the id of event number n, of whatever stream.
class Source {
  static async open(broker, streams) {
    const source = new Source();
    source.lines = await Lines.connect(broker.socket);
    source.streams = streams;
    source.ids = [0];
    return source;
  }

  get count() { return this.ids.length - 1; }
  get numbers() { return this.ids.map((id, number) => number).slice(1); }

  async publish(count) {
    const answers = [];
    for (let number = this.count + 1; count > 0; number++, count--) {
      const stream = this.streams[number % this.streams.length];
      answers.push(this.lines.send({
        stream, data: `${number}`.padEnd(BYTES, '.'), priority: PRIORITIES[priorityOf(number)],
      }));
    }
    for (const answer of await Promise.all(answers)) this.ids.push(answer.id);
  }

  numberOfId(id) { return this.ids.indexOf(id); }

  // How many of the events have ids from..to.
  between(from, to) { return this.ids.filter((id) => id > 0 && id >= from && id <= to).length; }
}

// A subscriber that takes one gulp at a time once it is told to, until it is set free.
class Reader extends Subscriber {
  constructor(broker, path, name) {
    super(broker, path);
    this.name = name;
    this.isFree = true;
    this.socket.on('data', () => this.isFree || this.socket.pause());
  }

  stall() {
    this.isFree = false;
    this.socket.pause();
  }

  gulp() { this.socket.resume(); }

  release() {
    this.isFree = true;
    this.socket.resume();
  }

  get gaps() { return this.events.filter((event) => event.type === 'gap').map((event) => JSON.parse(event.data)); }
  get numbers() { return this.events.filter((event) => event.type === null).map(numberOf); }
  get lost() { return this.gaps.reduce((sum, gap) => sum + gap.count, 0); }

  // Everything published either came or is told as missing.
  isWhole(source) { return this.numbers.length + this.lost === source.count; }
}

// Every event came once, in order, or stands in a gap that was told where it belongs; each gap says how many it covers.
function checkSums(reader, source) {
  const numbers = new Set(reader.numbers);
  let reached = 0; // the highest id that came
  for (const event of reader.events) {
    if (event.type !== 'gap') {
      assert.ok(event.id > reached, `${reader.name}: in order`);
      reached = event.id;
      continue;
    }
    const gap = JSON.parse(event.data);
    assert.equal(gap.reason, 'lagged');
    assert.ok(gap.from > reached, `${reader.name}: the gap is told before what follows it`);
    assert.equal(event.id, gap.resume);
    assert.ok(gap.resume === gap.to || gap.resume === gap.from - 1, `${reader.name}: where it stands`);
    const missing = source.ids.filter((id, number) => id >= gap.from && id <= gap.to && !numbers.has(number)).length;
    assert.equal(gap.count, missing, `${reader.name}: the gap's count is what is missing in it`);
  }
  assert.equal(numbers.size, reader.numbers.length, `${reader.name}: each at most once`);
  assert.equal(numbers.size + reader.lost, source.count, `${reader.name}: what came and what is missing are all`);
}

// What drop_lowest leaves of these numbers: the oldest of the lowest priority go, critical ones never.
function withoutLowest(numbers) {
  let rest = numbers;
  for (let level = 4; level > 0 && rest.length > LAG; level--) {
    let over = rest.length - LAG;
    rest = rest.filter((number) => priorityOf(number) !== level || over-- <= 0);
  }
  return rest;
}

// The last gap of a reader that stood still until everything was published. (Before it stood, what its own buffers took may
// have made room in the socket.)
function checkStalled(policy, reader, source, cursor) {
  const gap = reader.gaps.at(-1);
  const last = source.ids.at(-1);
  const after = reader.numbers.filter((number) => source.ids[number] >= gap.from);
  if (policy === 'drop_oldest') {
    assert.deepEqual(after, source.numbers.slice(-after.length), 'the newest stay');
    assert.ok(Math.abs(after.length - LAG) < source.streams.length, `${after.length} stay, shared among the streams`);
  } else if (policy === 'drop_newest') {
    assert.deepEqual(after, [], 'the newest go');
    assert.equal(gap.to, last);
    // Those stay that were the first behind the cursor, and one more where half of it was in the socket; fewer are left
    // where some of them found room before it stood still.
    const left = reader.numbers.filter((number) => source.ids[number] > cursor).length;
    assert.ok(left > 0 && left <= LAG + 1, `${left} stay`);
  } else {
    const backlog = source.numbers.filter((number) => source.ids[number] >= gap.from);
    assert.deepEqual(after, withoutLowest(backlog), 'the lowest go');
  }
}

async function runPolicies(broker, path, streams, say) {
  const source = await Source.open(broker, streams);
  for (const stream of streams) await source.lines.publish(stream, 'made');
  const healthy = await new Reader(broker, path(''), 'healthy').begun();
  const readers = [];
  for (const policy of POLICIES) {
    for (const kind of ['stalled', 'slow']) {
      const reader = await new Reader(broker, path(`overflow=${policy}`), `${kind} ${policy}`).begun();
      readers.push(Object.assign(reader, { policy, kind }));
    }
  }
  const before = await counters(broker);
  for (const reader of readers) reader.stall();
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    await source.publish(CHUNK);
    await healthy.has(source.count);
    for (const reader of readers) if (reader.kind === 'slow') reader.gulp();
  }
  assert.deepEqual(healthy.numbers, source.numbers, 'a healthy reader gets everything');
  say(`${source.count} events, and a healthy reader has them all`);

  const cursors = await stalledAt(broker, readers);
  for (const reader of readers) reader.release();
  for (const reader of readers) {
    if (reader.policy === 'disconnect') await checkDisconnected(broker, path, reader, source);
    else await until(`${reader.name} has all or a gap`, () => reader.isWhole(source));
  }
  for (const reader of readers.filter((one) => one.policy !== 'disconnect')) {
    checkSums(reader, source);
    if (reader.kind === 'stalled') {
      checkStalled(reader.policy, reader, source, cursors.get(reader));
    }
    say(`${reader.name}: ${reader.numbers.length} came, ${reader.lost} are told as missing in ${reader.gaps.length} gap(s)`);
  }
  const after = await counters(broker);
  for (const policy of ['drop_oldest', 'drop_newest', 'drop_lowest']) {
    const lost = readers.filter((one) => one.policy === policy).reduce((sum, one) => sum + one.lost, 0);
    assert.ok(lost > 0);
    assert.equal(after[policy] - before[policy], lost, `the broker counted what ${policy} dropped`);
  }
  assert.equal(after.disconnect - before.disconnect, 2, 'and those that it let go');
  for (const reader of [healthy, ...readers]) reader.close();
  source.lines.close();
}

async function counters(broker) {
  return {
    drop_oldest: await broker.workerSum('dropped_oldest'),
    drop_newest: await broker.workerSum('dropped_newest'),
    drop_lowest: await broker.workerSum('dropped_lowest'),
    disconnect: await broker.workerSum('lag_closes'),
  };
}

// The id that each reader's connection stands at while it takes nothing; none where it was let go already.
async function stalledAt(broker, readers) {
  const { connections } = await broker.ask({ op: 'connections', limit: 100 });
  return new Map(readers.map((reader) => {
    const id = /Ringcast-Connection-Id: (\S+)/i.exec(reader.header)[1];
    return [reader, connections.find((connection) => connection.id === id)?.last_id];
  }));
}

// It has a beginning without holes, the reason, and when to come back; and then misses nothing.
async function checkDisconnected(broker, path, reader, source) {
  await until(`${reader.name} is let go`, () => reader.socket.destroyed);
  assert.equal(reader.failure, null);
  const farewell = reader.events.at(-1);
  assert.equal(farewell.type, 'disconnect');
  assert.deepEqual(JSON.parse(farewell.data), { reason: 'lagged' });
  assert.ok(farewell.retry > 0 && farewell.id === null);
  const numbers = reader.numbers;
  assert.ok(numbers.length < source.count && numbers.every((number, i) => number === i + 1), reader.name);
  const from = source.ids[numbers.length];
  const back = await new Subscriber(broker, path('overflow=disconnect'), { headers: { 'Last-Event-ID': from } }).begun();
  await back.has(source.count - numbers.length);
  assert.equal(numberOf(back.events[0]), numbers.length + 1, 'it goes on where it was');
  back.close();
}

async function statusOf(broker, path) {
  const response = await fetch(broker.url + path);
  await response.body.cancel();
  return response.status;
}

test(async ({ say }) => {
  const flags = ['--lag-events', LAG, '--heartbeat-interval', '200ms', '--retry', '100ms'].map(String);
  let broker = await Broker.start({ flags });
  await runPolicies(broker, (query) => `/streams/one?${query}`, ['one'], say);
  await runPolicies(broker, (query) => `/events?envelope=0&stream=two&stream=three&${query}`, ['two', 'three'], say);

  assert.equal(await statusOf(broker, '/streams/one?overflow=block'), 403, 'nobody may hold back producers unasked');
  assert.equal(await statusOf(broker, '/streams/one?overflow=never'), 400);
  assert.equal(await statusOf(broker, '/streams/one?lag_events=0'), 400);
  await broker.stop();

  // Where the broker's policy is to block, nothing is dropped of one that lags; a request may still say otherwise.
  broker = await Broker.start({ directory: broker.directory, flags: [...flags, '--lag-policy', 'block'] });
  assert.equal(await statusOf(broker, '/streams/four?overflow=block'), 200);
  const source = await Source.open(broker, ['four']);
  const patient = await new Reader(broker, '/streams/four', 'patient').begun();
  const hasty = await new Reader(broker, '/streams/four?overflow=drop_oldest&lag_events=50', 'hasty').begun();
  for (const reader of [patient, hasty]) reader.stall();
  const published = source.publish(CHUNKS * CHUNK);
  await until('both are held up', async () => (await broker.workerSum('throttled')) === 2);
  for (const reader of [patient, hasty]) reader.release();
  await published;
  for (const reader of [patient, hasty]) await until(`${reader.name} is through`, () => reader.isWhole(source));
  assert.deepEqual(patient.gaps, []);
  checkSums(hasty, source);
  say(`with block ${patient.numbers.length} of ${source.count} came`);
  for (const reader of [patient, hasty]) reader.close();
  source.lines.close();
  await broker.stop();
});

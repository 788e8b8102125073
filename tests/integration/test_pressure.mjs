// A broker whose memory runs out: it leaves out what the stages say, in their order, lives, and returns to normal
// (mission C5). In a control group with a limit where one can be made, else against --memory-limit.
//
//     PRESSURE_MIB=2048    the limit; 512 by default
//
// timeout: 240
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Broker, Helper, Lines, Publisher, Subscriber, answerTo, sleep, test, until } from './broker.mjs';
import { openMemoryGroup } from './memory_group.mjs';

const MIB = 1 << 20;
const LIMIT_MIB = Number(process.env.PRESSURE_MIB ?? 512);
const EVENT_BYTES = 60 << 10;
const HISTORY = Math.ceil(LIMIT_MIB * MIB / EVENT_BYTES); // events
const TAIL_MIB = LIMIT_MIB / 2;
const REPLAY_MIB = LIMIT_MIB / 4 + LIMIT_MIB / 64; // with the tail and what else there is: above stage 1, below stage 2
const LISTED = 10_000; // streams with long names: a list of them is what a producer leaves unread
const LIVE = 200;
const READERS = 20;
const SHED = 25;

const get = (target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
const refused = { status: 503, code: 'overloaded', retries: true };

// Producers that ask for long lists and do not read them: memory that no stage can take back.
class Ballast {
  constructor(broker) {
    this.broker = broker;
    this.held = [];
  }

  async add() {
    const lines = await Lines.connect(this.broker.socket);
    lines.socket.pause();
    lines.socket.write(`${JSON.stringify({ op: 'streams', limit: LISTED })}\n`);
    this.held.push(lines);
  }

  drop() { for (const lines of this.held.splice(0)) lines.close(); }
}

const memory = async (broker) => (await broker.status()).memory;

async function addUntil(broker, ballast, stage) {
  while ((await memory(broker)).stage < stage) {
    assert.ok(ballast.held.length < 1000, `stage ${stage} is reached`);
    await ballast.add();
    await sleep(40 * 1024 / LIMIT_MIB); // a few hundredths of the limit for each look at the memory
  }
}

function stagesTold(broker) {
  const log = readFileSync(broker.logPath, 'utf8');
  return [...log.matchAll(/memory: pressure (?:stage (\d) of 3|is over)[^\n]*/g)].map((match) => Number(match[1] ?? 0));
}

async function run(broker, say) {
  const tell = async (what) => {
    const now = await memory(broker);
    const share = (100 * now.used_bytes / now.limit_bytes).toFixed(1);
    say(`${what}: stage ${now.stage} (${now.pressure}), ${Math.round(now.used_bytes / MIB)} of ${Math.round(now.limit_bytes / MIB)} MiB (${share} %)`);
  };

  // Healthy ones get every event in every stage.
  const live = new Helper('subscribers', broker.port, '--dense', READERS, '/streams/pressure/live');
  await live.answer('connected');
  const livePublisher = new Publisher(broker, 'pressure/live', { bytes: 1000 });
  let published = 0;
  const allGetIt = async () => {
    published += LIVE;
    await livePublisher.publish(LIVE);
    await live.ask(`wait ${published * READERS}`, 'reached', 60_000);
  };

  await new Publisher(broker, `pressure/${'x'.repeat(230)}`, { streams: LISTED }).publish(LISTED, 60_000);
  const history = new Publisher(broker, 'pressure/history', { bytes: EVENT_BYTES, window: 64 });
  await history.publish(HISTORY, 120_000);
  await allGetIt();
  await tell(`${HISTORY} events are in the log, ${TAIL_MIB} MiB of them in memory`);
  assert.equal((await memory(broker)).stage, 0);

  // One that does not read, with events of all kinds before it.
  const slow = await new Subscriber(broker, '/streams/pressure/slow').begun();
  slow.socket.pause();
  await new Publisher(broker, 'pressure/slow', { bytes: EVENT_BYTES }).publish(600, 60_000);
  await until('it is held up', async () => (await broker.workerSum('throttled')) >= 1);
  const lines = await Lines.connect(broker.socket);
  for (let i = 0; i < SHED; i++) {
    await lines.publish('pressure/slow', 'dispensable', { priority: 'background' });
    await lines.publish('pressure/slow', 'indispensable');
  }
  lines.close();

  // A replay from disk fills the cache.
  const replay = new Helper('subscribers', broker.port, '--dense', 1, '/streams/pressure/history?from=earliest');
  await until('stage 1', async () => (await memory(broker)).stage >= 1);
  await tell('a replay fills the cache of cold blocks');
  assert.deepEqual(await answerTo(broker, get('/streams/pressure/history?from=earliest')), refused);
  assert.equal((await answerTo(broker, get('/streams/pressure/slow?from=last:3'))).status, 200);
  assert.equal((await answerTo(broker, get('/streams/pressure/live'))).status, 200);
  await until('the cache shrinks', async () => (await broker.workerSum('cold_bytes')) <= REPLAY_MIB * MIB / 8);
  await replay.ask(`wait ${HISTORY}`, 'reached', 120_000);
  await allGetIt();
  await tell('new replays were refused, the cache shrank, the replay under way is over');

  const ballast = new Ballast(broker);
  await addUntil(broker, ballast, 2);
  await tell(`${ballast.held.length} producers do not read their answers`);
  assert.equal((await answerTo(broker, get('/streams/pressure/live'))).status, 200);
  slow.socket.resume();
  await until('it has all that it may get', () => slow.failure ?? slow.events.filter((event) => event.data === 'indispensable').length === SHED);
  const gaps = slow.events.filter((event) => event.type === 'gap').map((event) => JSON.parse(event.data));
  assert.ok(gaps.every((gap) => gap.reason === 'shed'), JSON.stringify(gaps));
  assert.equal(gaps.reduce((sum, gap) => sum + gap.count, 0), SHED, 'it was told what it did not get');
  assert.equal(slow.events.filter((event) => event.data === 'dispensable').length, 0);
  assert.equal(await broker.workerSum('dropped_shed'), SHED);
  slow.close();
  await allGetIt();
  await tell(`background events were withheld from one that lagged, ${SHED} of them, and it was told`);

  await addUntil(broker, ballast, 3);
  await tell(`${ballast.held.length} producers do not read their answers`);
  assert.deepEqual(await answerTo(broker, get('/streams/pressure/live')), refused);
  assert.equal((await broker.ask({ op: 'streams', limit: LISTED })).error, 'overloaded');
  assert.equal((await fetch(`${broker.url}/healthz`)).status, 200);
  await allGetIt();
  await tell('new subscriptions were refused, those that were there got everything');

  ballast.drop();
  await until('the pressure is over', async () => (await memory(broker)).stage === 0, 120_000);
  await tell('the producers are gone');
  assert.equal((await answerTo(broker, get('/streams/pressure/live'))).status, 200);
  assert.equal((await answerTo(broker, get('/streams/pressure/history?from=earliest'))).status, 200);
  await allGetIt();
  const stages = stagesTold(broker);
  assert.ok(stages.every((stage, i) => Math.abs(stage - (stages[i - 1] ?? 0)) === 1), `one at a time: ${stages}`);
  assert.deepEqual(stages.slice(stages.lastIndexOf(3)), [3, 2, 1, 0], 'and back');
  say(`stages as the log tells them: ${stages.join(', ')}`);
  await broker.stop();
}

test(async ({ say }) => {
  if (process.env.RC_SANITIZE === 'address' || process.env.RC_SANITIZE === 'thread') {
    say('skipped: a sanitizer uses memory of its own');
    return;
  }
  const group = openMemoryGroup(LIMIT_MIB * MIB);
  say(group === null ? 'no control group for memory can be made here: against --memory-limit'
    : `in a group of ${group.kind} with ${LIMIT_MIB} MiB`);
  const flags = ['--workers', '1', '--tail-bytes', `${TAIL_MIB}MiB`, '--replay-bytes', `${REPLAY_MIB}MiB`,
    '--retention-bytes', `${4 * LIMIT_MIB}MiB`, '--lag-events', '0', '--lag-bytes', '0', '--stall-timeout', '0'];
  const broker = await Broker.start({
    launcher: group?.launcher ?? [],
    flags: group === null ? [...flags, '--memory-limit', `${LIMIT_MIB}MiB`] : flags,
  });
  await run(broker, say);
});

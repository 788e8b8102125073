// Malformed, cut, pipelined, oversized, slow and misleading requests over real sockets, each with its documented answer,
// while healthy subscribers beside them get every event, and no later than they do without (mission C6, I5; invariant 6).
// TORTURE=text plays only the cases whose group and name hold it, and tells of each.
// timeout: 120
import assert from 'node:assert/strict';
import { setPriority } from 'node:os';
import { Broker, Helper, slowness, sleep, test } from './broker.mjs';
import { play } from './torture_client.mjs';
import { LIMITS, groups as bodies } from './torture_bodies.mjs';
import { chunked, get, groups as requests, sized } from './torture_requests.mjs';

const AT_ONCE = 64;
const PATIENCE_MS = 15_000 * slowness;
const PHASE_MS = 6000; // at least
const only = process.env.TORTURE;

// A case as it is played: { name, steps, finals, expected, ... }.
function caseOf(group, [name, said, outcome]) {
  const more = typeof said === 'string' ? { steps: [said] } : Array.isArray(said) ? { steps: said } : said;
  if (outcome instanceof RegExp) return { name: `${group}: ${name}`, ...more, finals: 0, expected: outcome };
  const hasEnd = /(open|stream)$/.test(outcome);
  const expected = hasEnd ? outcome : [outcome, 'close'].filter(Boolean).join(', ');
  const finals = expected.split(', ').filter((part) => /^[2-5]/.test(part)).length;
  return { name: `${group}: ${name}`, ...more, finals, expected };
}

// The same bytes in two pieces, cut at every place, and one by one.
function cuts(name, text, outcome) {
  const pieces = Array.from({ length: text.length - 1 }, (_, i) => [`${name}, cut at ${i + 1}`, [text.slice(0, i + 1), 5, text.slice(i + 1)], outcome]);
  return [...pieces, [`${name}, byte by byte`, Array.from(text).flatMap((byte) => [byte, 1]), outcome]];
}

const groups = {
  ...requests,
  ...bodies,
  cut: [
    ...cuts('a request', get('/healthz', 'X: 1\r\n'), '200, open'),
    ...cuts('two requests', get('/nothing') + get('/healthz'), '404 not_found, 200, open'),
    ...cuts('a body', sized('POST /streams/cut', 'hello'), '200, open'),
    ...cuts('two bodies', sized('POST /streams/cut', 'a') + sized('POST /streams/', 'b'), '200, 400 invalid_name, open'),
    ...cuts('chunks', chunked('POST /streams/cut', 'A;x=y\r\n{"data":1}\r\n0\r\n\r\n', 'Content-Type: application/json\r\n'), '200, open'),
    ...cuts('a broken batch', sized('POST /streams/cut', '{"data":1}\n{', 'Content-Type: application/x-ndjson\r\n'),
      '400 serialization_error, open'),
    ...cuts('settings', sized('PUT /streams/cut', '{"retention_count":5}'), '200, open'),
  ],
};

async function playAll(port, cases, wrong) {
  let next = 0;
  const player = async () => {
    while (next < cases.length) {
      const one = cases[next++];
      const outcome = await play(port, one, PATIENCE_MS);
      if (only) console.log(`${one.name}: ${outcome}`);
      const isRight = one.expected instanceof RegExp ? one.expected.test(outcome) : outcome === one.expected;
      if (!isRight) wrong.add(`${one.name}\n    ${outcome.slice(0, 200)}\n    and not ${one.expected}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, player));
}

const milliseconds = (values) => values.map((value) => value.toFixed(2)).join(', ');
function tell(say, phase, [p50, p99, least, most, count]) {
  say(`${phase}: p50 ${milliseconds([p50])} ms, p99 ${milliseconds([p99])} ms (of single seconds ${milliseconds([least])} to `
    + `${milliseconds([most])} ms), ${count} deliveries`);
}

test(async ({ say }) => {
  const cases = Object.entries(groups).flatMap(([group, list]) => list.map((one) => caseOf(group, one)))
    .filter(({ name }) => name.includes(only ?? ''));
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, 'every case has a name of its own');
  // The slow ones begin first, so that the others are played beside them.
  cases.sort((one, other) => Number(other.name.startsWith('slow')) - Number(one.name.startsWith('slow')));
  const broker = await Broker.start({ flags: ['--request-timeout', '3s', '--body-timeout', '3s', '--anonymous', 'all', '--log-level', 'error',
    '--request-bytes-max', String(LIMITS.requestBytes), '--event-bytes-max', String(LIMITS.eventBytes)] });
  await broker.ask({ stream: 'cut', data: 'it is there' });
  const witness = new Helper('torture_witness.mjs', broker.port, broker.socket, 20, 100);
  setPriority(10); // what is measured is what this does to the broker, not to the machine
  await witness.ask('phase', 'phase');
  await sleep(PHASE_MS);
  const control = await witness.ask('phase', 'phase');
  const began = Date.now();
  const wrong = new Set();
  let rounds = 0;
  for (; rounds === 0 || (Date.now() - began < PHASE_MS && !only); rounds++) await playAll(broker.port, cases, wrong);
  const attacked = await witness.ask('phase', 'phase');
  const [events] = await witness.ask('stop', 'stopped');
  say(`${cases.length} cases, ${rounds} times, in ${((Date.now() - began) / 1000).toFixed(1)} s; ${events} events to each of 20 healthy subscribers`);
  tell(say, 'alone', control);
  tell(say, 'under attack', attacked);
  assert.equal([...wrong].join('\n'), '', `${wrong.size} answers are not as documented`);
  const status = await broker.status();
  assert.equal(status.log.fault, null);
  await broker.stop();
});

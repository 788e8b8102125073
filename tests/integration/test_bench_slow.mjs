// ringcast-bench while some subscribers do not read, and before it connects where the machine does not allow as many
// connections as it is asked for.
// timeout: 120
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Child, build, slowness, test, within } from './broker.mjs';
import { SseServer } from './sse_server.mjs';

const bench = join(build, 'ringcast-bench');
const LOAD = ['--connections', '20', '--threads', '2', '--streams', '2', '--duration', '1s', '--warmup', '100ms', '--settle', '50ms',
  '--rate', '100', '--size', '16KiB'];

async function run(program, flags) {
  const printed = [];
  const child = new Child(program, flags, { errors: 'pipe', onLine: (line) => printed.push(line) });
  let errors = '';
  child.process.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const { code } = await within(flags.join(' '), child.ended, 60_000 * slowness);
  return { code, printed, errors };
}

// A tenth stalls, that is one of each stream's ten; the others get everything. Returns what became of the stalled.
async function slow(...flags) {
  const { code, printed, errors } = await run(bench, ['slow', ...LOAD, ...flags, '--json']);
  assert.equal(code, 0, errors);
  const result = JSON.parse(printed.join('\n'));
  assert.equal(result.stalled.subscribers, 2);
  assert.equal(result.deliveries, result.events * 9);
  assert.ok(result.resident_peak_bytes >= result.resident_after_bytes);
  assert.match(errors, /every other subscriber/);
  return result.stalled;
}

// Two stall, two are sent less than is published: ringcast tells both of what they did not get, and counts it.
async function bothAgainstRingcast() {
  const lagging = await Broker.start({ flags: ['--lag-events', '5'] });
  const { code, printed, errors } = await run(bench, ['slow', ...LOAD, '--json', '--url', lagging.url, '--publish',
    `unix:${lagging.socket}`, '--stalled', '0.1', '--throttled', '0.1', '--throttled-query', 'events_per_second=10']);
  assert.equal(code, 0, errors);
  const result = JSON.parse(printed.join('\n'));
  assert.equal(result.deliveries, result.events * 8);
  assert.deepEqual([result.stalled.told_gap, result.throttled.told_gap], [2, 2]);
  assert.deepEqual([result.events_missing_untold, result.throttled.told_too_many, result.throttled.cut], [0, 0, 0]);
  assert.ok(result.throttled.missing_told > 0);
  assert.ok(result.events_told_missing >= result.events_missing_told, 'gaps say how many');
  assert.ok(result.server_dropped >= result.events_told_missing, 'each drop is counted');
  await lagging.stop();
}

async function againstRingcast(slowRate) {
  const lagging = await Broker.start({ flags: ['--lag-events', '5'] });
  const flags = ['--url', lagging.url, '--publish', `unix:${lagging.socket}`, '--pid', String(lagging.pid), '--slow-rate', slowRate];
  const told = await slow(...flags);
  assert.deepEqual([told.told_gap, told.cut, told.behind, told.missing_untold], [2, 0, 0, 0]);
  assert.ok(told.missing_told > 0);
  assert.equal(told.events_read_on + told.missing_told, told.published);
  await lagging.stop();
}

// A tenth of each stream's ten is throttled by a server that sends it one event in four.
async function throttled(fault) {
  const server = await SseServer.start({ fault });
  const { code, printed, errors } = await run(bench, ['slow', ...LOAD, '--json', '--stalled', '0', '--throttled', '0.1',
    '--throttled-query', 'every=4', '--url', `${server.url}/{stream}`, '--publish', `${server.url}/{stream}`]);
  const result = JSON.parse(printed.join('\n'));
  assert.equal(result.deliveries, result.events * 9);
  assert.equal(result.throttled.subscribers, 2);
  assert.deepEqual([result.lost, result.gaps], [0, 0]);
  await server.stop();
  return { code, errors, result };
}

async function againstThrottling() {
  const { code, errors, result: { throttled: told } } = await throttled();
  assert.equal(code, 0, errors);
  assert.match(errors, /^throttled +2 subscribers asked for every=4/m);
  assert.equal(told.missing_told, told.told);
  assert.equal(told.told, told.events_read_on * 3);
  assert.deepEqual([told.missing_untold, told.told_too_many, told.cut], [0, 0, 0]);
  const silent = await throttled({ kind: 'silence', at: 5 });
  assert.equal(silent.code, 1);
  assert.equal(silent.result.throttled.missing_untold, 6);
  assert.match(silent.errors, /got event 20 when 17 was due/);
}

async function limits() {
  const few = `ulimit -n 400; exec '${bench}' fanout --connections 10000 --url http://127.0.0.1:1 --publish unix:/none`;
  const { code, errors } = await run('/bin/bash', ['-c', few]);
  assert.equal(code, 2);
  assert.match(errors, /RLIMIT_NOFILE is 400, needed are 625: ulimit -Hn 625/);
}

test(async ({ say }) => {
  await againstRingcast('0');
  await againstRingcast('3000');
  say('ringcast: those that stall are told what they missed, and nobody else notices');
  await bothAgainstRingcast();
  say('ringcast: so are those that it sends less, and it counts what it drops');
  const bare = await slow('--bare');
  assert.equal(bare.told_gap, 0);
  say('the bare server does not wait for them');
  await againstThrottling();
  say('those that are throttled may miss what they are told of, and no more');
  await limits();
  say('what the machine does not allow is said before connecting');
});

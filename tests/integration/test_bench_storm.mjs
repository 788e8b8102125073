// ringcast-bench: all subscribers connect at once, are cut off and come back for what they missed; one reads a long stream.
// timeout: 180
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Broker, Child, build, scratch, slowness, test, within } from './broker.mjs';
import { SseServer } from './sse_server.mjs';

const bench = join(build, 'ringcast-bench');

async function run(...flags) {
  const printed = [];
  const child = new Child(bench, [...flags, '--json'].map(String), { errors: 'pipe', onLine: (line) => printed.push(line) });
  let errors = '';
  child.process.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const { code } = await within(flags.join(' '), child.ended, 60_000 * slowness);
  return { code, errors, result: printed.length > 0 ? JSON.parse(printed.join('\n')) : null };
}

async function runWell(...flags) {
  const { code, errors, result } = await run(...flags);
  assert.equal(code, 0, `${flags.join(' ')}: ${errors}`);
  assert.equal(result.good, true);
  assert.deepEqual([result.lost, result.repeated, result.gaps, result.failed, result.error], [0, 0, 0, 0, '']);
  return result;
}

async function storm(...flags) {
  for (const [streams, threads] of [[1, 1], [30, 2]]) {
    const result = await runWell('storm', '--connections', 60, '--streams', streams, '--threads', threads, ...flags);
    assert.equal(result.events, 10 * streams);
    assert.equal(result.deliveries, 60 * 10);
    assert.ok(result.elapsed_s >= result.reconnecting_s && result.catching_up_max_us >= result.reconnecting_p50_us);
  }
  const result = await runWell('storm', '--connections', 60, '--missed', 0, ...flags);
  assert.equal(result.deliveries, 0);
}

async function replay(...flags) {
  const filled = await runWell('replay', '--events', 10_000, '--streams', 3, '--run', 5, ...flags);
  const again = await runWell('replay', '--events', 10_000, '--streams', 3, '--run', 5, '--reuse', ...flags);
  for (const { deliveries, run: number } of [filled, again]) assert.deepEqual([deliveries, number], [3334, 5]);
}

// More than the log has.
async function replayTooMuch(...flags) {
  const { code, result } = await run('replay', '--events', 10_003, '--streams', 3, '--run', 5, '--reuse', ...flags);
  assert.equal(code, 1);
  assert.equal(result.lost, 1);
}

// A server whose responses do not begin with an id, and with a fault.
async function against(fault, told) {
  const server = await SseServer.start({ stores: true, fault });
  const flags = ['--url', `${server.url}/{stream}`, '--publish', `${server.url}/{stream}`];
  const { code, errors } = await run('storm', '--connections', 12, '--streams', 3, '--missed', 4, ...flags);
  await server.stop();
  assert.equal(code, told === undefined ? 0 : 1, errors);
  assert.match(errors, told ?? /check +good/);
}

test(async ({ say }) => {
  const broker = await Broker.start();
  const ringcast = ['--url', broker.url, '--publish', `unix:${broker.socket}`, '--pid', broker.pid];
  await storm(...ringcast);
  await storm('--bare');
  say('a storm on ringcast and on the bare server');
  await replay(...ringcast);
  await replayTooMuch(...ringcast);
  await replay('--bare', '--file', join(scratch, 'replayed'));
  say('a replay by ringcast and by the bare server');
  await broker.stop();
  await against({});
  await against({ kind: 'forget', at: 2 }, /got event 6 when 5 was due|of \d+ events at the end/);
  await against({ kind: 'remind', at: 2 }, /got event 1 after event 1/);
  await against({ kind: 'turn-away', at: 7 }, /1 of 12 subscribers could not connect/);
  say('another server, and its faults');
  for (const flags of [['--reuse'], ['--connections', 2], ['--bare'], ['--file', 'x'], ['--events', 2, '--streams', 3]]) {
    assert.equal((await run('replay', '--url', 'http://127.0.0.1:1', ...flags)).code, 2);
  }
  say('what does not go together is refused');
});

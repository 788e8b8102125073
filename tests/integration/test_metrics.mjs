// Metrics (mission J2): what /metrics gives is well-formed, each metric of the table moves when what it counts happens,
// and the figures are those of what was done. /readyz and /stats beside it.
// timeout: 200
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { binary, Broker, build, Child, Lines, Subscriber, scratch, test, until, within } from './broker.mjs';
import { get, scrape, valueOf } from './metrics.mjs';

const HUGE = 'x'.repeat(1_000_000);
const LARGE = 'x'.repeat(60_000);
// What this test cannot bring about, since the disk, the kernel or a thread would have to fail or stand still, or the
// kernel to have TLS (test_tls_kernel.mjs has that); and what is 0 again whenever the log thread writes of it.
const UNMOVED = new Set(['ringcast_log_sync_failures_total', 'ringcast_log_write_failures_total', 'ringcast_cold_faults_total',
  'ringcast_completion_overflows_total', 'ringcast_log_laps_total', 'ringcast_inbox_messages', 'ringcast_gateway_waiting_tasks',
  'ringcast_log_unwritten_bytes', 'ringcast_told_lines_lost_total', 'ringcast_access_log_lines_dropped_total', 'ringcast_tls_kernel_streams_total',
  // Builds with a sanitizer have its allocator, which does not count.
  ...(process.env.RC_SANITIZE ? ['ringcast_thread_allocated_bytes_total', 'ringcast_allocated_bytes'] : [])]);

class Watch {
  constructor() {
    this.moved = new Set();
    this.names = new Set();
    this.first = new Map(); // broker -> its first scrape
  }

  async look(broker) {
    const families = await scrape(broker);
    const before = this.first.get(broker) ?? families;
    this.first.set(broker, before);
    for (const [name, family] of families) {
      this.names.add(name);
      const isConstant = family.type === 'gauge' && [...family.samples.values()].some(({ value }) => value > 0);
      const old = before.get(name).samples;
      if (isConstant || [...family.samples].some(([key, { value }]) => value !== old.get(key).value)) this.moved.add(name);
      if (family.type === 'gauge') continue;
      for (const [key, { value }] of family.samples) assert.ok(value >= old.get(key).value, `${key} went back`);
    }
    return families;
  }
}

const post = (broker, path, body, headers = {}) =>
  fetch(`${broker.url}${path}`, { method: 'POST', body, headers }).then(async (answer) => ({ status: answer.status, text: await answer.text() }));

// Each event reaches each subscriber, and every figure says so.
async function deliveries(broker, watch) {
  const before = await watch.look(broker);
  const subscribers = await Promise.all(Array.from({ length: 5 }, () => new Subscriber(broker, '/streams/m/a').begun()));
  const lines = await Lines.connect(broker.socket);
  for (let i = 0; i < 20; i++) await lines.publish('m/a', `event ${i}`);
  for (let i = 0; i < 10; i++) assert.equal((await post(broker, '/streams/m/a', 'twelve bytes')).status, 200);
  for (const subscriber of subscribers) await subscriber.has(30);
  const middle = await watch.look(broker);
  assert.equal(valueOf(middle, 'ringcast_connections', { state: 'streaming' }), 5);
  assert.equal(valueOf(middle, 'ringcast_producers'), 1);
  const again = await new Subscriber(broker, `/streams/m/a?from=${subscribers[0].events[9].id}`).begun();
  await again.has(20);
  for (const subscriber of [...subscribers, again]) subscriber.close();
  lines.close();
  const after = await until('they are gone', async () => {
    const families = await watch.look(broker);
    return valueOf(families, 'ringcast_connections_closed_total', { reason: 'client' }) >= 6 ? families : null;
  });
  const grew = (name, labels) => valueOf(after, name, labels) - valueOf(before, name, labels);
  assert.equal(grew('ringcast_events_sent_total'), 170);
  assert.equal(grew('ringcast_published_events_total', { way: 'socket' }), 20);
  assert.equal(grew('ringcast_published_events_total', { way: 'http' }), 10);
  assert.equal(grew('ringcast_log_events_total'), 30);
  assert.equal(grew('ringcast_event_bytes_count'), 30);
  assert.equal(grew('ringcast_event_bytes_sum'), 10 * 'event 0'.length + 10 * 'event 10'.length + 10 * 12);
  assert.equal(grew('ringcast_delivery_seconds_count') >= 5 * 20, true, 'each send of news is timed');
  assert.equal(grew('ringcast_log_write_seconds_count'), grew('ringcast_log_blocks_total'));
  assert.equal(grew('ringcast_log_block_records_sum'), 30);
  assert.equal(grew('ringcast_requests_total', { route: 'publish', status: '2xx' }), 10);
  assert.equal(grew('ringcast_requests_total', { route: 'stream', status: '2xx' }), 6);
  assert.equal(grew('ringcast_subscriptions_total', { start: 'latest' }), 5);
  assert.equal(grew('ringcast_subscriptions_total', { start: 'id' }), 1);
}

// What ringcast-bench counted, the broker counted.
async function agreesWithBench(broker, watch) {
  const before = await watch.look(broker);
  const printed = [];
  const bench = new Child(join(build, 'ringcast-bench'), ['fanout', '--url', broker.url, '--publish', `unix:${broker.socket}`, '--connections', '24',
    '--streams', '3', '--rate', '2000', '--duration', '1s', '--warmup', '0ms', '--json'], { onLine: (line) => printed.push(line) });
  bench.process.stdin.end();
  assert.equal((await within('the bench ends', bench.ended, 60_000)).code, 0);
  const result = JSON.parse(printed.join('\n'));
  const after = await watch.look(broker);
  const grew = (name, labels) => valueOf(after, name, labels) - valueOf(before, name, labels);
  assert.equal(grew('ringcast_published_events_total'), result.events, 'published');
  assert.equal(grew('ringcast_events_sent_total'), result.deliveries, 'delivered');
  assert.equal(grew('ringcast_subscriptions_total'), 24);
  assert.ok(grew('ringcast_delivery_seconds_count') >= result.deliveries / 100 && grew('ringcast_delivery_seconds_count') <= grew('ringcast_sends_total'));
}

// What is refused, and why.
async function refusals(broker, watch) {
  const before = await watch.look(broker);
  assert.equal((await get(broker.port, '/metrics')).status, 404, 'not for the public');
  assert.equal((await post(broker, '/streams/m/a?nonsense=1', 'x')).status, 400);
  const token = (...args) => execFileSync(binary, ['token', 'make', ...args], { encoding: 'utf8' }).trim();
  const keys = join(scratch, 'keys');
  const good = { Authorization: `Bearer ${token('--key', join(keys, 'key.private.pem'), '--read', '**')}` };
  for (let i = 0; i < 2; i++) assert.equal((await fetch(`${broker.url}/streams/m/a?view=info`, { headers: good })).status, 200);
  assert.equal((await fetch(`${broker.url}/streams/m/a?view=info`, { headers: { Authorization: 'Bearer a.b.c' } })).status, 401);
  const producer = await Lines.connect(broker.socket);
  assert.equal((await producer.send({ stream: '', data: 'x' })).error !== undefined, true);
  for (let i = 0; i < 2; i++) await producer.ask({ stream: 'm/i', data: '1', producer_id: 5, epoch: 1, producer_sequence: 1 });
  producer.close();
  const after = await watch.look(broker);
  const grew = (name, labels) => valueOf(after, name, labels) - valueOf(before, name, labels);
  assert.equal(grew('ringcast_request_errors_total', { code: 'not_found' }), 1);
  assert.equal(grew('ringcast_tokens_total', { result: 'ok' }), 2);
  assert.ok(grew('ringcast_token_verifications_total') >= 2, 'the good one once in each worker');
  assert.equal(grew('ringcast_publish_errors_total', { way: 'socket' }), 1);
  assert.equal(grew('ringcast_log_duplicates_total'), 1);
}

// Those who take less than everything at once, or nothing at all.
async function slowOnes(broker, watch) {
  const lines = await Lines.connect(broker.socket);
  const batched = await new Subscriber(broker, '/streams/m/slow?batch_size=5&batch_timeout=10s').begun();
  const paced = await new Subscriber(broker, '/streams/m/slow?events_per_second=2').begun();
  const small = await new Subscriber(broker, '/streams/m/slow?event_bytes_max=1KiB').begun();
  const adapted = await new Subscriber(broker, '/streams/m/slow?client=mobile').begun();
  const several = await new Subscriber(broker, '/events?stream=m/slow&stream=m/other').begun();
  const stalled = await new Subscriber(broker, '/streams/m/slow?lag_events=10').begun();
  stalled.socket.pause();
  for (let i = 0; i < 10; i++) await lines.publish('m/slow', String(i));
  for (let i = 0; i < 400; i++) await lines.publish('m/slow', LARGE);
  await watch.look(broker);
  await until('it is behind', async () => valueOf(await watch.look(broker), 'ringcast_connections', { state: 'throttled' }) > 0);
  await lines.ask({ stream: 'm/slow', data: LARGE, ephemeral: true });
  stalled.socket.resume();
  await until('it is told of a gap', () => stalled.events.some(({ type }) => type === 'gap'));
  const counted = ['gaps_told_total', 'events_dropped_total', 'batch_events_count', 'rate_holds_total', 'oversize_told_total',
    'transients_dropped_total', 'short_sends_total', 'heartbeats_sent_total', 'adaptations_total'];
  for (const name of counted) {
    await until(name, async () => valueOf(await watch.look(broker), `ringcast_${name}`) > 0);
  }
  // From the beginning: by now most of it has left memory.
  const late = await new Subscriber(broker, '/streams/m/slow?from=earliest&lag_events=1000000').begun();
  await until('it is read back', async () => valueOf(await watch.look(broker), 'ringcast_cold_reads_total') > 0);
  await late.has(100);
  for (const subscriber of [batched, paced, small, several, adapted, late, stalled]) subscriber.close();
  const ending = await new Subscriber(broker, '/streams/m/ends').begun();
  await lines.publish('m/ends', 'last');
  await lines.ask({ op: 'close_stream', stream: 'm/ends' });
  await fetch(`${broker.url}/streams/m/ends`, { method: 'DELETE' });
  await until('it is told', async () => valueOf(await watch.look(broker), 'ringcast_stream_ends_told_total') > 0);
  ending.close();
  lines.close();
}

// Producers are held by a stream that blocks, and those over HTTP refused.
async function heldOnes(broker, watch) {
  await broker.ask({ op: 'set', stream: 'm/block', overflow: 'block', lag_events: 20 });
  const slow = await new Subscriber(broker, '/streams/m/block').begun();
  slow.socket.pause();
  const lines = await Lines.connect(broker.socket);
  const answers = [];
  for (let i = 0; i < 400 && (await broker.status()).ingest.held_events === 0; i++) answers.push(lines.send({ stream: 'm/block', data: LARGE }));
  await until('one is held', async () => valueOf(await watch.look(broker), 'ringcast_backpressure_held_events') > 0);
  const { status, text } = await post(broker, '/streams/m/block', 'x');
  assert.equal(status, 429, text);
  await until('its time is over', async () => valueOf(await watch.look(broker), 'ringcast_backpressure_hold_refusals_total') > 0);
  slow.close();
  await Promise.all(answers);
  lines.close();
  const families = await watch.look(broker);
  assert.equal(valueOf(families, 'ringcast_backpressure_refusals_total', { when: 'at_once' }), 1);
  assert.equal(valueOf(families, 'ringcast_request_errors_total', { code: 'backpressure_exceeded' }), 1);
}

// With far less memory than it needs, a broker leaves out what it can.
async function shortOfMemory(watch) {
  const broker = await Broker.start({ directory: join(scratch, 'short'),
    flags: ['--admin-listen', '127.0.0.1:0', '--memory-limit', '64MiB', '--tail-bytes', '64MiB', '--connections-max', '1',
      '--producer-events-per-second', '30', '--lag-events', '0', '--lag-bytes', '0'] });
  await watch.look(broker);
  const lagging = await new Subscriber(broker, '/streams/m/a').begun();
  assert.equal((await get(broker.port, '/healthz')).status, 503, 'one more than there may be');
  lagging.socket.pause();
  const lines = await Lines.connect(broker.socket);
  for (let i = 0; i < 75; i++) await lines.publish('m/a', HUGE, { priority: 'background' });
  lines.close();
  await until('its memory is short', async () => valueOf(await watch.look(broker), 'ringcast_memory_stage') === 3);
  lagging.socket.resume();
  await until('background events are left out', async () => valueOf(await watch.look(broker), 'ringcast_events_shed_total') > 0);
  lagging.close();
  await until('a place is free', async () => (await get(broker.port, '/healthz')).status === 200);
  await until('subscriptions are refused', async () => {
    await get(broker.port, '/streams/m/a?from=latest');
    return valueOf(await watch.look(broker), 'ringcast_memory_refusals_total', { what: 'subscription' }) > 0;
  });
  const families = await watch.look(broker);
  assert.ok(valueOf(families, 'ringcast_connections_refused_total', { reason: 'connections' }) >= 1);
  assert.ok(valueOf(families, 'ringcast_backpressure_waits_total', { cause: 'rate' }) >= 1);
  await broker.stop();
}

async function overTls(watch) {
  const [certificate, key] = [join(scratch, 'tls.pem'), join(scratch, 'tls.key')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost',
    '-days', '2', '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  const broker = await Broker.start({ directory: join(scratch, 'tls'), flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls',
    '--admin-listen', '127.0.0.1:0', '--tls-certificate', certificate, '--tls-key', key, '--workers', '1', '--producers-max', '1'] });
  const port = Number(/https:\/\/[\d.]+:(\d+)/.exec(broker.line)[1]);
  await watch.look(broker);
  let session;
  for (let i = 0; i < 2; i++) {
    await within('a handshake', new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, session });
      socket.on('session', (given) => { session = given; });
      socket.on('error', reject).on('close', resolve).on('data', () => {});
      socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    }));
  }
  await within('no handshake', new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {}).on('close', resolve).on('data', () => {});
    socket.write(Buffer.from([22, 3, 1, 0, 4, 1, 2, 3, 4]));
  }));
  const only = await Lines.connect(broker.socket);
  await only.publish('m/a', 'x');
  const other = connect(broker.socket).on('error', () => {});
  other.write('{"op":"status"}\n');
  await until('one more is refused', async () => valueOf(await watch.look(broker), 'ringcast_producer_refusals_total') === 1);
  only.close();
  other.destroy();
  broker.child.process.kill('SIGHUP');
  await until('it reloads', async () => valueOf(await watch.look(broker), 'ringcast_reloads_total', { result: 'taken' }) === 1);
  writeFileSync(certificate, 'none');
  broker.child.process.kill('SIGHUP');
  await until('it refuses', async () => valueOf(await watch.look(broker), 'ringcast_reloads_total', { result: 'refused' }) === 1);
  const families = await watch.look(broker);
  assert.equal(valueOf(families, 'ringcast_tls_handshakes_total'), 2);
  assert.equal(valueOf(families, 'ringcast_tls_resumed_total'), 1);
  assert.equal(valueOf(families, 'ringcast_tls_failures_total'), 1);
  await broker.stop();
}

async function health(broker) {
  for (const port of [broker.port, broker.adminPort]) {
    for (const path of ['/healthz', '/readyz']) assert.equal((await get(port, path)).status, 200, path);
    const head = await get(port, '/readyz', 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
  }
  const head = await get(broker.adminPort, '/metrics', 'HEAD');
  assert.ok(head.status === 200 && Number(head.headers['content-length']) > 10_000 && head.text === '');
  const stats = JSON.parse((await get(broker.adminPort, '/stats')).text);
  assert.equal(stats.workers.length, 2);
  for (const key of ['accepted', 'events_sent', 'requests']) {
    assert.equal(stats.total[key], stats.workers[0][key] + stats.workers[1][key], key);
  }
  assert.equal(stats.log.writable, true);
}

// What the dashboard and the alerts ask for exists, and each alert says what is wrong and what to do.
function dashboards(names) {
  const root = process.env.RINGCAST_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));
  const check = (text) => {
    for (const [name] of text.matchAll(/\b(?:ringcast|process)_[a-z0-9_]+/g)) {
      assert.ok(names.has(name) || names.has(name.replace(/_(bucket|sum|count)$/, '')), `there is no ${name}`);
    }
  };
  const { panels } = JSON.parse(readFileSync(join(root, 'scripts/grafana/ringcast.json'), 'utf8'));
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  assert.ok(expressions.length > 50);
  expressions.forEach(check);
  const rules = readFileSync(join(root, 'scripts/prometheus/ringcast.rules.yml'), 'utf8').split(/^      - alert: /m).slice(1);
  assert.ok(rules.length >= 10);
  for (const rule of rules) {
    assert.match(rule, /^ +summary: ".+"$/m);
    assert.match(rule, /^ +action: ".+"$/m);
    check(rule);
  }
}

test(async ({ say }) => {
  const keys = join(scratch, 'keys');
  mkdirSync(keys);
  execFileSync(binary, ['token', 'key', join(keys, 'key')]);
  const watch = new Watch();
  const broker = await Broker.start({ flags: ['--admin-listen', '127.0.0.1:0', '--anonymous', 'all', '--auth-keys', join(keys, 'key.pem'),
    '--tail-bytes', '16MiB', '--heartbeat-interval', '1s', '--link-interval', '1s', '--backpressure-wait', '1s',
    '--rule', 'latency < 10s: batch_timeout 20ms'] });
  await health(broker);
  await deliveries(broker, watch);
  say('deliveries agree');
  await agreesWithBench(broker, watch);
  await refusals(broker, watch);
  await slowOnes(broker, watch);
  await heldOnes(broker, watch);
  say('all are slow, held and refused as they should');
  await shortOfMemory(watch);
  await overTls(watch);
  const unmoved = [...watch.names].filter((name) => !watch.moved.has(name) && !UNMOVED.has(name));
  assert.deepEqual(unmoved, [], 'each metric moves');
  dashboards(watch.names);
  await broker.stop();
});

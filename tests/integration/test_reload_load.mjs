// SIGHUP again and again, each time with other settings, under subscribers and events: nobody is dropped, none of the
// events is missing, or late by more than RELOAD_LATE_MS. A second is what a quiet machine keeps (RELOAD_LATE_MS=1000).
// timeout: 240
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, Helper, Lines, PATIENCE_MS, scratch, sleep, slowness, test, until } from './broker.mjs';

const SUBSCRIBERS = process.env.RC_SANITIZE ? 500 : 5000;
const RELOADS = process.env.RC_SANITIZE ? 20 : 100;
const EVENTS_PER_SECOND = process.env.RC_SANITIZE ? 20 : 100;
const LATE_MS = Number(process.env.RELOAD_LATE_MS ?? 10_000) * slowness;

const path = join(scratch, 'ringcast.toml');

// Others each time: what timers, buckets, caches and streams hang on.
function write(round) {
  const odd = round % 2 === 1;
  writeFileSync(path, `
[streaming]
buffer_size = ${odd ? 0 : 100000}
overflow_strategy = "${round % 4 === 3 ? 'block' : 'drop_oldest'}"
[streaming.sse]
heartbeat_interval = "${5 + round % 7}s"
retry_interval = "${1 + round % 9}s"
[limits]
connections_per_address = ${odd ? 100000 : 0}
requests_per_address = ${odd ? 0 : 1000000}
[quality]
bytes_per_second_max = "${odd ? '0' : '64MiB'}"
link_interval = "${odd ? 1 : 30}s"
rules = ["latency > ${200 + round}ms: compression on"]
[log]
retention_age = "${20 + round % 5}h"
[cors]
allow_origins = ["https://${round}.example"]
`);
}

async function publish(broker, load) {
  const lines = await Lines.connect(broker.socket);
  const began = Date.now();
  while (!load.isOver) {
    await lines.publish('stream', `${load.published + 1} ${Date.now()}`);
    load.published++;
    const ahead = began + (load.published * 1000) / EVENTS_PER_SECOND - Date.now();
    if (ahead > 0) await sleep(ahead);
  }
  lines.close();
}

test(async ({ say }) => {
  write(0);
  const broker = await Broker.start({ flags: ['--config', path] });
  const subscribers = new Helper('subscribers', broker.port, '--dense', '--within', LATE_MS, SUBSCRIBERS,
    '/streams/stream');
  await subscribers.answer('connected', 2 * PATIENCE_MS);
  const load = { published: 0, isOver: false };
  const publishing = publish(broker, load);
  const reloads = () => readFileSync(broker.logPath, 'utf8').split('settings and keys read again').length - 1;
  for (let round = 1; round <= RELOADS; round++) {
    write(round);
    broker.child.process.kill('SIGHUP');
    await until(`reload ${round}`, () => reloads() >= round);
    await sleep(50);
  }
  load.isOver = true;
  await publishing;
  await subscribers.ask(`wait ${load.published * SUBSCRIBERS}`, 'reached');
  const [events, reconnects] = await subscribers.ask('report', 'report');
  assert.equal(events, load.published * SUBSCRIBERS);
  assert.equal(reconnects, 0);
  assert.equal((await broker.status()).workers.reduce((sum, worker) => sum + worker.connections, 0), SUBSCRIBERS);
  assert.doesNotMatch(readFileSync(broker.logPath, 'utf8'), /nothing was changed|needs a restart/);
  say(`${RELOADS} reloads: ${SUBSCRIBERS} subscribers had each of ${load.published} events within ${LATE_MS} ms`);
  await broker.stop();
});

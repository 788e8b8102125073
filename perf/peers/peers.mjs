// ringcast beside its rivals: starts them, lets them take turns under the same loads, prints the medians, and ends
// what it started. perf/README.md says what is compared and how.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError, readOptions } from './options.mjs';
import { page } from './page.mjs';
import { SERVERS, bench, build, fileLimit, start, stopAll } from './servers.mjs';
import { median, table } from './table.mjs';

const RUN_MS_MAX = 120_000;
const SPARE_FILES = 300;
// Deliveries a second of the paced runs: half of what the slowest server here can do, so that none gets behind.
const PACED_DELIVERIES = 25_000;
// A search for the best window ends when larger ones bring so little, or their queue would take so long.
const WINDOW_GAIN_MIN = 1.05;
const QUEUE_S_MAX = 2;
const WINDOWS_MAX = 5;
const ATTEMPTS_MAX = 3;

const execute = promisify(execFile);
const say = (text) => process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K` : `${text}\n`);
const progress = (text) => { if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K`); };

// What is kept of what ringcast-bench tells of a run.
const KEPT = ['good', 'deliveries_per_s', 'events_per_send', 'server_cpu_per_delivery_ns', 'server_cpu_cores', 'latency_p50_us',
  'latency_p99_us', 'resident_before_bytes', 'resident_connected_bytes', 'others_cpu_cores', 'bottleneck', 'lost', 'repeated',
  'failed', 'first_finding', 'error'];

let stopping = false;

const keep = (text) => {
  const result = JSON.parse(text);
  return Object.fromEntries(KEPT.map((key) => [key, result[key]]));
};

// One run of ringcast-bench; what it measured, `good` false when not every event arrived.
async function run(args) {
  if (stopping) throw new Error('stopped');
  try {
    const { stdout } = await execute(bench, [...args, '--json'], { timeout: RUN_MS_MAX, killSignal: 'SIGKILL', maxBuffer: 1 << 24 });
    return keep(stdout);
  } catch (error) {
    if (error.code === 1 && error.stdout) return keep(error.stdout);
    throw new Error(`ringcast-bench ${args.join(' ')}: ${error.stderr?.trim() || error.message}`);
  }
}

const loadArgs = (load, ms) => ['--connections', String(load.connections), '--size', String(load.size),
  '--duration', `${ms}ms`, '--warmup', '300ms'];

const fastArgs = (target, load, window, ms) => [...target.fast, ...loadArgs(load, ms), '--window', String(window)];

// A paced run has at least some 12 events.
const pacedArgs = (target, load, ms) => [...target.paced, ...loadArgs(load, Math.max(ms, Math.ceil(12_000 / load.rate))),
  '--rate', String(load.rate)];

// The window at which the variant delivers most without loss: { window, speed }; speed 0 when it always loses.
async function searchWindow(target, load, ms) {
  let best = { window: 1, speed: 0 };
  let idle = 0; // how many in a row brought nothing: one alone may be chance
  let window = Math.max(4, Math.round(16_000 / load.connections));
  for (let step = 0; step < WINDOWS_MAX && idle < 2; step++, window *= 4) {
    const result = await run(fastArgs(target, load, window, ms));
    target.first ??= result;
    if (!result.good) break;
    const speed = result.deliveries_per_s;
    idle = speed > best.speed * WINDOW_GAIN_MIN ? 0 : idle + 1;
    if (speed > best.speed) best = { window, speed };
    if (4 * window * load.connections / speed > QUEUE_S_MAX) break;
  }
  return best;
}

// A cell holds the runs of one server under one load.
async function prepare(cell, targets, load, ms) {
  for (const target of targets) {
    progress(`${load.connections} subscribers, ${load.size} bytes: how fast does ${target.entry.title} ${target.variant} go?`);
    const found = await searchWindow(target, load, ms);
    if (cell.target === undefined || found.speed > cell.speed) Object.assign(cell, { ...found, target, variant: target.variant });
  }
}

async function measure(cell, load, ms) {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const result = await run(fastArgs(cell.target, load, cell.window, ms));
    if (result.good) {
      cell.fast.push({ ...result, window: cell.window });
      break;
    }
    cell.lossy.push(result);
    cell.window = Math.max(1, cell.window >> 1);
  }
  const result = await run(pacedArgs(cell.target, load, ms));
  (result.good ? cell.paced : cell.lossy).push(result);
}

async function measureLoads(options, entries, connections, scratch, cells) {
  const targets = [];
  for (const entry of entries) {
    for (const variant of entry.variants) targets.push(await start(entry, variant, connections, scratch));
  }
  const loads = options.sizes.map((size) => ({ connections, size, rate: PACED_DELIVERIES / connections }));
  const ofLoad = new Map();
  for (const load of loads) {
    ofLoad.set(load, entries.map((entry) => ({ entry, load, fast: [], paced: [], lossy: [] })));
    for (const cell of ofLoad.get(load)) {
      await prepare(cell, targets.filter((target) => target.entry === cell.entry), load, Math.min(options.timeMs, 700));
    }
    cells.push(...ofLoad.get(load));
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const load of loads) {
      const turn = ofLoad.get(load);
      for (let i = 0; i < turn.length; i++) {
        const cell = turn[(i + round) % turn.length];
        progress(`${connections} subscribers, ${load.size} bytes, round ${round + 1} of ${options.rounds}: ${cell.entry.title}`);
        await measure(cell, load, options.timeMs);
      }
    }
  }
  // What a connection takes is seen when they are the first that the server ever had.
  for (const load of loads) {
    for (const cell of ofLoad.get(load)) {
      const { first } = cell.target;
      cell.memory = (first.resident_connected_bytes - first.resident_before_bytes) / connections;
      delete cell.target;
    }
  }
  await stopAll();
}

function usable(options) {
  const limit = fileLimit();
  const most = Math.max(...options.connections);
  if (most + SPARE_FILES > limit) {
    throw new UsageError(`${most} connections need a limit of open files of ${most + SPARE_FILES}, and it is ${limit}: ulimit -n`);
  }
  const node = Number(process.versions.node.split('.')[0]);
  if (options.peers.includes('better-sse') && node < 20) {
    say(`better-sse is left out: it needs Node.js 20, this is ${process.versions.node}`);
    options.peers = options.peers.filter((name) => name !== 'better-sse');
  }
  return SERVERS.filter(({ name }) => name === 'ringcast' || name === 'floor' || options.peers.includes(name));
}

async function main() {
  const options = readOptions(process.argv.slice(2), SERVERS.slice(2).map(({ name }) => name));
  if (options === null) return;
  const entries = usable(options);
  const began = Date.now();
  const scratch = mkdtempSync(join(build, 'peers.'));
  const cells = [];
  try {
    for (const connections of options.connections) await measureLoads(options, entries, connections, scratch, cells);
  } finally {
    await stopAll();
    rmSync(scratch, { recursive: true, force: true });
    progress('');
  }
  const others = cells.flatMap((cell) => [...cell.fast, ...cell.paced]).map((result) => result.others_cpu_cores);
  const report = {
    cells,
    rounds: options.rounds,
    seconds: Math.round((Date.now() - began) / 1000),
    cores: availableParallelism(),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    others: { median: median(others), most: Math.max(...others) },
    versions: Object.fromEntries(entries.map((entry) => [entry.name, entry.version()])),
  };
  process.stdout.write(table(report));
  writeFileSync(join(build, 'peers.html'), page(report));
  writeFileSync(join(build, 'peers.json'), `${JSON.stringify(report)}\n`);
  process.stdout.write(`\nwritten: ${join(build, 'peers.html')}, ${join(build, 'peers.json')}\n`);
  process.exitCode = cells.every((cell) => cell.fast.length > 0 && cell.paced.length > 0) ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => { stopping = true; });
}
try {
  await main();
} catch (error) {
  progress('');
  process.stderr.write(`peers: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

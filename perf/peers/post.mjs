// Publishing over HTTP: ringcast (in its log on disk, acknowledged as written), nginx with Nchan (in shared memory) and
// the bare responder take turns with POSTs over kept-alive connections, without a subscriber.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { SERVERS, bench, build, start, stopAll } from './servers.mjs';
import { format, median } from './table.mjs';

const RUN_MS_MAX = 60_000;
const CONNECTIONS = 64;
const NAMES = ['floor', 'ringcast', 'nchan'];
const execute = promisify(execFile);

const { values } = parseArgs({ options: {
  rounds: { type: 'string', default: '5' }, time: { type: 'string', default: '2000' }, sizes: { type: 'string', default: '64,200' },
} });

async function measure(target, size) {
  const args = [...target.post, '--publish-connections', String(CONNECTIONS), '--producers', '2', '--size', String(size),
    '--duration', `${values.time}ms`, '--warmup', '300ms', '--json'];
  const { stdout } = await execute(bench, args, { timeout: RUN_MS_MAX, killSignal: 'SIGKILL' });
  return JSON.parse(stdout);
}

function line(cells, { title, results }) {
  const of = (key, list = results) => median(list.map((result) => result[key]));
  const speeds = results.map((result) => result.events_per_s / 1000);
  const floor = of('events_per_s', cells[0].results);
  return `  ${title.padEnd(26)}${format(median(speeds), 1).padStart(8)} (${format(Math.min(...speeds), 1)} to ${format(Math.max(...speeds), 1)})`.padEnd(58)
    + `${format(of('events_per_s') / floor, 2).padStart(8)}${format(of('server_cpu_per_event_us'), 2).padStart(10)}`
    + `${format(of('request_p50_us'), 0).padStart(10)}${format(of('request_p99_us'), 0).padStart(10)}\n`;
}

const scratch = mkdtempSync(join(build, 'post.'));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { process.exitCode = 1; stopAll(); });
try {
  const cells = [];
  for (const name of NAMES) {
    const entry = SERVERS.find((server) => server.name === name);
    for (const variant of entry.variants) {
      const target = await start(entry, variant, CONNECTIONS, scratch);
      cells.push({ target, title: variant === '' ? entry.title : `${entry.title}, ${variant}` });
    }
  }
  for (const size of values.sizes.split(',').map(Number)) {
    for (const cell of cells) cell.results = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      for (let i = 0; i < cells.length; i++) {
        const cell = cells[(i + round) % cells.length];
        cell.results.push(await measure(cell.target, size));
      }
    }
    process.stdout.write(`${CONNECTIONS} connections, POSTs of ${size} bytes, one at a time on each; medians of ${values.rounds} rounds\n`
      + `  ${''.padEnd(26)}${'thousand requests/s (low to high)'.padEnd(30)}${'of bare'.padStart(8)}${'CPU us'.padStart(10)}${'p50 us'.padStart(10)}${'p99 us'.padStart(10)}\n`
      + cells.map((cell) => line(cells, cell)).join(''));
  }
} finally {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
}

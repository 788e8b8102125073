// The figures of a report, and their table as text. A report holds cells, one for each server and load, with what
// ringcast-bench told of its runs (peers.mjs).

export function median(list) {
  const sorted = [...list].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// What is shown of a cell: of which runs, which member, in what unit; with so many digits behind the point.
export const FIGURES = [
  { name: 'deliveries', runs: 'fast', key: 'deliveries_per_s', factor: 1e-6, digits: 3, title: 'deliveries, M/s', more: true },
  { name: 'fastCpu', runs: 'fast', key: 'server_cpu_per_delivery_ns', factor: 1e-3, digits: 2, title: 'CPU a delivery, us' },
  { name: 'coalesced', runs: 'fast', key: 'events_per_send', factor: 1, digits: 1, title: 'events a send' },
  { name: 'window', runs: 'fast', key: 'window', factor: 1, digits: 0, title: 'window' },
  { name: 'pacedCpu', runs: 'paced', key: 'server_cpu_per_delivery_ns', factor: 1e-3, digits: 2, title: 'CPU a delivery, us' },
  { name: 'p50', runs: 'paced', key: 'latency_p50_us', factor: 1e-3, digits: 1, title: 'p50, ms' },
  { name: 'p99', runs: 'paced', key: 'latency_p99_us', factor: 1e-3, digits: 1, title: 'p99, ms' },
];

const figureNamed = new Map(FIGURES.map((figure) => [figure.name, figure]));

// The median of a figure over the rounds, with the lowest and the highest; null when no run was good.
export function value(cell, name) {
  const figure = figureNamed.get(name);
  const list = cell[figure.runs].map((result) => result[figure.key] * figure.factor);
  if (list.length === 0) return null;
  return { median: median(list), low: Math.min(...list), high: Math.max(...list) };
}

export const format = (number, digits) => number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function formatFigure(cell, name) {
  const found = value(cell, name);
  return found === null ? '-' : format(found.median, figureNamed.get(name).digits);
}

export const kibibytes = (cell) => format(cell.memory / 1024, 2);

// Cells by load, in the order in which they were measured.
export function loadsOf(report) {
  const loads = new Map();
  for (const cell of report.cells) {
    const key = `${cell.load.connections} ${cell.load.size}`;
    if (!loads.has(key)) loads.set(key, []);
    loads.get(key).push(cell);
  }
  return [...loads.values()];
}

export const loadTitle = ({ load }) => `${format(load.connections, 0)} subscribers on one stream, events of ${load.size} bytes`;

// How many times as many deliveries ringcast makes.
export function timesOf(cells, cell) {
  const ours = value(cells.find(({ entry }) => entry.name === 'ringcast'), 'deliveries');
  const theirs = value(cell, 'deliveries');
  return ours === null || theirs === null ? null : ours.median / theirs.median;
}

export const cellTitle = (cell) => (cell.variant === '' ? cell.entry.title : `${cell.entry.title}, ${cell.variant}`);

export function summary(report) {
  const lossy = report.cells.reduce((sum, cell) => sum + cell.lossy.length, 0);
  return [
    `ringcast and its rivals: ${report.cores} cores, medians of ${report.rounds} rounds, ${report.seconds} s, ${report.date} UTC.`,
    'Only runs count in which every subscriber got every event, in order and once; '
      + (lossy === 0 ? 'all were.' : `${lossy} were not, and were repeated with a smaller window or left out.`),
    `Other processes used ${format(report.others.median, 2)} cores meanwhile (median), ${format(report.others.most, 2)} in the worst run.`,
  ];
}

function loadTable(cells) {
  const rate = format(cells[0].load.rate, 1);
  const lines = [
    '',
    loadTitle(cells[0]),
    `${''.padEnd(24)}as fast as it goes without loss${''.padEnd(39)}${rate} events/s, one at a time`.padEnd(124) + 'memory',
    `${'server'.padEnd(24)}${'M deliveries/s (low to high)'.padStart(28)}${'x'.padStart(8)}${'CPU us'.padStart(9)}${'ev/send'.padStart(9)}`
      + `${'window'.padStart(8)}${'CPU us'.padStart(12)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'KiB/conn'.padStart(12)}  lossy runs`,
  ];
  for (const cell of cells) {
    const found = value(cell, 'deliveries');
    const times = timesOf(cells, cell);
    const deliveries = found === null ? '-' : `${format(found.median, 3)} (${format(found.low, 3)} to ${format(found.high, 3)})`;
    lines.push(`${cellTitle(cell).padEnd(24)}${deliveries.padStart(28)}${(times === null ? '-' : format(times, 2)).padStart(8)}`
      + `${formatFigure(cell, 'fastCpu').padStart(9)}${formatFigure(cell, 'coalesced').padStart(9)}${formatFigure(cell, 'window').padStart(8)}`
      + `${formatFigure(cell, 'pacedCpu').padStart(12)}${formatFigure(cell, 'p50').padStart(9)}${formatFigure(cell, 'p99').padStart(9)}`
      + `${kibibytes(cell).padStart(12)}${cell.lossy.length === 0 ? '' : `  ${cell.lossy.length}: ${trouble(cell)}`}`);
  }
  return lines;
}

// What was wrong with the first run that was not good.
export function trouble(cell) {
  const [first] = cell.lossy;
  return first === undefined ? '' : first.first_finding || first.error;
}

export function table(report) {
  const lines = [...summary(report), 'x: how many times as many deliveries ringcast makes. CPU is the server\'s, of a delivery.'];
  for (const cells of loadsOf(report)) lines.push(...loadTable(cells));
  return `${lines.join('\n')}\n`;
}

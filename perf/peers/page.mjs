// The report as a page that needs nothing else: bars, tables, and what they mean.
import { FIGURES, cellTitle, format, formatFigure, kibibytes, loadTitle, loadsOf, summary, timesOf, trouble, value } from './table.mjs';

const escape = (text) => String(text).replace(/[&<>"]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark]);

const STYLE = `
:root { --page: #f5f6f8; --surface: #fff; --line: #d9dee5; --text: #16202c; --faint: #566273; --ours: #08796a; --floor: #9aa6b5; --theirs: #4a7ab5; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #10151c; --surface: #19212b; --line: #2e3947; --text: #e7ecf2; --faint: #a0adbd; --ours: #4fd1b5; --floor: #6b7787; --theirs: #7fa8dc; --bad: #f2827a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 76rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; }
h2 { margin: 0 0 1rem; font-size: 1.1rem; }
h3 { margin: 0 0 .5rem; font-size: .85rem; font-weight: 600; color: var(--faint); }
p { margin: .25rem 0; color: var(--faint); }
section { margin-top: 1.5rem; padding: 1.25rem; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.25rem 2rem; margin-bottom: 1.25rem; }
.bar { display: grid; grid-template-columns: 8.5rem 1fr 4.5rem; gap: .6rem; align-items: center; height: 1.5rem; font-size: .8rem; }
.bar svg { display: block; width: 100%; height: .9rem; }
.bar span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bar .number { text-align: right; font-variant-numeric: tabular-nums; }
.floor { fill: var(--floor); } .ringcast { fill: var(--ours); } .rival { fill: var(--theirs); }
.span { stroke: var(--text); stroke-width: 1.5; opacity: .6; vector-effect: non-scaling-stroke; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: var(--faint); white-space: normal; vertical-align: bottom; }
th[colspan] { text-align: center; }
.notes td, .notes th { text-align: left; white-space: normal; vertical-align: top; }
.ours td { font-weight: 600; }
.bad { color: var(--bad); }
li { margin: .25rem 0; color: var(--faint); }
ul { margin: 0; padding-left: 1.2rem; }
`;

const kindOf = ({ entry }) => (entry.name === 'ringcast' || entry.name === 'floor' ? entry.name : 'rival');

// A bar up to the median, with a line from the lowest to the highest round.
function bar(cell, found, most, text) {
  const at = (number) => format(100 * number / most, 2);
  const drawing = found === null ? '' : `<rect class="${kindOf(cell)}" width="${at(found.median)}" height="10" rx=".4"/>`
    + (found.high > found.low ? `<line class="span" x1="${at(found.low)}" x2="${at(found.high)}" y1="5" y2="5"/>` : '');
  return `<div class="bar"><span title="${escape(cellTitle(cell))}">${escape(cell.entry.title)}</span>`
    + `<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${drawing}</svg><span class="number">${text}</span></div>`;
}

function chart(cells, title, valueOf, textOf) {
  const found = cells.map(valueOf);
  const most = Math.max(...found.map((one) => one?.high ?? 0)) || 1;
  return `<div><h3>${title}</h3>${cells.map((cell, i) => bar(cell, found[i], most, textOf(cell))).join('')}</div>`;
}

const figureChart = (cells, name, title) => chart(cells, title, (cell) => value(cell, name), (cell) => formatFigure(cell, name));

function memoryChart(cells) {
  const valueOf = ({ memory }) => ({ median: Math.max(0, memory), low: memory, high: memory });
  return chart(cells, 'resident memory a connection, KiB', valueOf, kibibytes);
}

function row(cells, cell) {
  const times = timesOf(cells, cell);
  const columns = FIGURES.map(({ name }) => `<td>${formatFigure(cell, name)}</td>`);
  columns.splice(1, 0, `<td>${times === null ? '-' : format(times, 2)}</td>`);
  const lossy = cell.lossy.length === 0 ? '0' : `<span class="bad" title="${escape(trouble(cell))}">${cell.lossy.length}</span>`;
  return `<tr class="${cell.entry.name === 'ringcast' ? 'ours' : ''}"><td>${escape(cellTitle(cell))}</td>${columns.join('')}`
    + `<td>${kibibytes(cell)}</td><td>${lossy}</td></tr>`;
}

function section(cells) {
  const rate = format(cells[0].load.rate, 1);
  const fast = FIGURES.filter(({ runs }) => runs === 'fast');
  const paced = FIGURES.filter(({ runs }) => runs === 'paced');
  const head = (figures) => figures.map(({ title }) => `<th>${title}</th>`);
  const titles = [...head(fast), ...head(paced)];
  titles.splice(1, 0, '<th>ringcast is x</th>');
  return `<section><h2>${loadTitle(cells[0])}</h2>
<div class="charts">
${figureChart(cells, 'deliveries', 'as fast as it goes: deliveries, M/s')}
${figureChart(cells, 'fastCpu', 'as fast as it goes: CPU a delivery, us')}
${figureChart(cells, 'pacedCpu', `${rate} events/s: CPU a delivery, us`)}
${figureChart(cells, 'p50', `${rate} events/s: latency p50, ms`)}
${figureChart(cells, 'p99', `${rate} events/s: latency p99, ms`)}
${memoryChart(cells)}
</div>
<div class="wide"><table>
<tr><th></th><th colspan="${fast.length + 1}">as fast as it goes without loss</th><th colspan="${paced.length}">${rate} events/s</th><th>memory</th><th></th></tr>
<tr><th>server</th>${titles.join('')}<th>KiB a connection</th><th>lossy runs</th></tr>
${cells.map((cell) => row(cells, cell)).join('\n')}
</table></div></section>`;
}

function servers(report) {
  const entries = [...new Map(report.cells.map(({ entry }) => [entry.name, entry])).values()];
  return `<section><h2>What is compared</h2><div class="wide"><table class="notes">
<tr><th>server</th><th>version</th><th>subscribers</th><th>an event that was published</th><th>a subscriber that is too slow</th></tr>
${entries.map((entry) => `<tr><td>${escape(entry.title)}</td><td>${escape(report.versions[entry.name])}</td><td>${escape(entry.speaks)}</td>`
    + `<td>${escape(entry.keeps)}</td><td>${escape(entry.slow)}</td></tr>`).join('\n')}
</table></div></section>`;
}

const MEANING = [
  'More deliveries are better, and less of all else. Bars are medians over the rounds, lines reach from the lowest to the highest round. Servers take turns under each load.',
  'As fast as it goes: the next events are published when the last have arrived, with a window of events on their way. The window is '
    + 'searched for each server: the one at which it delivers most and loses nothing. Where a server has several ways to be set up, '
    + 'the faster one counts, and is named.',
  'Latency counts from the time at which an event was due to its receipt by each subscriber.',
  'CPU is the server\'s whole process with its children, publishing included; on loopback the sender also pays for most of the '
    + 'receiver\'s TCP. Memory is the resident set, what each of the first connections of a fresh server added; kernel memory is not in it.',
  'Server and generator share the cores, so deliveries a second are those of both together.',
];

export function page(report) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>ringcast and its rivals</title><style>${STYLE}</style></head><body>
<h1>ringcast and its rivals</h1>
${summary(report).map((line) => `<p>${escape(line)}</p>`).join('\n')}
${loadsOf(report).map(section).join('\n')}
${servers(report)}
<section><h2>How to read it</h2><ul>${MEANING.map((line) => `<li>${line}</li>`).join('\n')}</ul></section>
</body></html>
`;
}

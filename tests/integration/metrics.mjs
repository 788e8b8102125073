// Scrapes /metrics, and checks strictly that what comes is the text format of Prometheus, 0.0.4: each family's HELP and
// TYPE once and before its samples, which stand together; names, labels and numbers well-formed; no sample twice;
// histograms cumulative, with +Inf, sum and count.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { within } from './broker.mjs';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^]*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

export function get(port, path, method = 'GET') {
  return within(`${method} ${path}`, new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => { text += piece; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    asked.on('error', reject);
    asked.end();
  }));
}

function labelsOf(text, line) {
  const labels = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const found = LABEL.exec(text);
    assert.ok(found, `labels: ${line}`);
    assert.ok(!(found[1] in labels), `a label twice: ${line}`);
    labels[found[1]] = found[2];
  }
  return labels;
}

function takeSample(family, line) {
  const [, name, labelText, number] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${JSON.stringify(line)}`);
  assert.ok(family, `a sample without a TYPE: ${line}`);
  const suffix = name.slice(family.name.length);
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  assert.ok(name.startsWith(family.name) && suffixes.includes(suffix), `a sample of ${family.name}: ${line}`);
  assert.match(number, /^-?\d+(\.\d+)?$/, line);
  const key = `${name}{${labelText ?? ''}}`;
  assert.ok(!family.samples.has(key), `twice: ${line}`);
  family.samples.set(key, { suffix, labels: labelsOf(labelText ?? '', line), value: Number(number) });
}

function checkHistogram(family) {
  const series = new Map();
  for (const { suffix, labels: { le, ...labels }, value } of family.samples.values()) {
    const key = JSON.stringify(labels);
    if (!series.has(key)) series.set(key, { buckets: [] });
    if (suffix === '_bucket') series.get(key).buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else series.get(key)[suffix] = value;
  }
  for (const { buckets, _sum, _count } of series.values()) {
    assert.ok(buckets.length > 2 && buckets.at(-1)[0] === Infinity, family.name);
    assert.ok(buckets.every(([le, value], i) => i === 0 || (le > buckets[i - 1][0] && value >= buckets[i - 1][1])), family.name);
    assert.equal(buckets.at(-1)[1], _count, family.name);
    assert.equal(typeof _sum, 'number');
  }
}

// Families by their names.
export function parse(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map();
  let family = null;
  let help = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) ([^]*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      assert.match(name, NAME);
      help = { name, help: rest };
      family = null;
    } else if (kind === 'TYPE') {
      assert.equal(help?.name, name, `HELP before ${line}`);
      assert.ok(['counter', 'gauge', 'histogram'].includes(rest) && !families.has(name), line);
      family = { ...help, type: rest, samples: new Map() };
      families.set(name, family);
    } else {
      takeSample(family, line);
    }
  }
  for (const one of families.values()) {
    assert.ok(one.samples.size > 0, `${one.name} has samples`);
    if (one.type === 'histogram') checkHistogram(one);
    else if (one.type === 'counter') assert.ok([...one.samples.values()].every(({ value }) => value >= 0), one.name);
  }
  return families;
}

export async function scrape(broker) {
  const { status, headers, text } = await get(broker.adminPort, '/metrics');
  assert.equal(status, 200, text);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(headers['cache-control'], 'no-store');
  return parse(text);
}

// The value of one sample, by its name and (some of) its labels; several are added up.
export function valueOf(families, name, labels = {}) {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  assert.ok(family, name);
  const suffix = name.slice(family.name.length);
  const found = [...family.samples.values()].filter((sample) => sample.suffix === suffix &&
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  assert.ok(found.length > 0, `${name} ${JSON.stringify(labels)}`);
  return found.reduce((sum, { value }) => sum + value, 0);
}

// The configuration file: the published example, what is told of faulty files, which source counts, and what
// --print-config and --check-config say.
// timeout: 180
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, binary, scratch, test, within } from './broker.mjs';

const directory = join(scratch, 'config');
mkdirSync(directory, { recursive: true });
let files = 0;

function file(text) {
  const path = join(directory, `${files++}.toml`);
  writeFileSync(path, text);
  return path;
}

const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RINGCAST_')));

// `ringcast serve` with what makes it answer at once.
function serve(args, { environment = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, ['serve', ...args], { env: { ...bare, ...environment }, timeout: 20_000 });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => { output += text; });
    child.stderr.on('data', (text) => { errors += text; });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output, errors }));
  });
}

const published = `
[streaming]
buffer_size = 1000
overflow_strategy = "drop_oldest"

[streaming.sse]
retry_interval = "5s"
max_connections = 10000
heartbeat_interval = "30s"

[streaming.websocket]
max_frame_size = 65536
compression = true
ping_interval = "30s"

[streaming.backpressure]
threshold = 100
strategy = "pause"
`;

// Each: a file, and what is told of it behind "FILE:", line by line.
const noValue = 'is no number, no date, and neither true nor false; a text stands in quotes, as "30s"';
const faulty = [
  // What is no TOML.
  ['[streaming', ['1:11: expected \']\' behind the name of the table, found the end of the file']],
  ['[streaming]]', ['1:12: expected the end of the line, found \']\'']],
  ['[[streaming]', ['1:13: expected \']]\' behind the name of the tables, found the end of the file']],
  ['[]', ['1:2: expected a key, found \']\'']],
  ['[log] level = 1', ['1:7: expected the end of the line, found \'l\'']],
  ['[log]\ndata_dir "x"', ['2:10: expected \'=\' behind the key, found \'"\'']],
  ['[log]\ndata_dir: "x"', ['2:9: expected \'=\' behind the key, found \':\'']],
  ['[log]\ndata_dir =', ['2:11: expected a value, found the end of the file']],
  ['[log]\ndata_dir = /var/lib', ['2:12: expected a value, found \'/\'']],
  ['[log]\ndata_dir = "x', ['2:12: a text that does not end with " in its line']],
  ['[log]\ndata_dir = \'x', ['2:12: a text that does not end with \' in its line']],
  ['[log]\ndata_dir = """x', ['2:12: a text that does not end with three "']],
  ['[log]\ndata_dir = "C:\\data"', ['2:15: \'\\d\' is no escape; write a backslash as \\\\, or the text between \' and \'']],
  ['[log]\ndata_dir = "\\u12"', ['2:17: expected four hexadecimal digits behind \\u, found \'"\'']],
  ['[log]\ndata_dir = "\\uDFFF"', ['2:13: U+DFFF is no character']],
  ['[log]\ndata_dir = "a\tb\x01"',
    ['2:16: the control character U+0001 may not stand in a text; write it as \\uXXXX']],
  ['[log]\nretention_age = 24h', [`2:17: '24h' ${noValue}`]],
  ['[cors]\nrequire_origin = yes', [`2:18: 'yes' ${noValue}`]],
  ['[cors]\nrequire_origin = True', [`2:18: 'True' ${noValue}`]],
  ['[streaming]\nbuffer_size = 1__000', [`2:15: '1__000' ${noValue}`]],
  ['[streaming]\nbuffer_size = 0800', [`2:15: '0800' ${noValue}`]],
  ['[auth]\nkeys = ["a" "b"]', ['2:13: expected \',\' or \']\' in the array, found \'"\'']],
  ['[auth]\nkeys = ["a",\n', ['3:1: expected a value, found the end of the file']],
  ['streaming = { buffer_size = 5,\n}', ['1:31: expected a key, found the end of the line']],
  ['[streaming]\nbuffer_size = 1\nbuffer_size = 2', ['3:1: \'buffer_size\' is there already, in line 2']],
  ['[streaming]\n[log]\n[streaming]', ['3:2: \'streaming\' is there already, in line 1']],
  ['streaming.buffer_size = 1\n[streaming]\nunknown_stream = "404"', ['2:2: \'streaming\' is there already, in line 1']],
  ['streaming = {}\n[streaming.sse]', ['2:2: \'streaming\' is a table, in line 1: nothing can be added to it']],
  ['# caf\u00e9 \x02', ['1:8: the control character U+0002 may not stand in a comment']],
  [Buffer.from('[log]\n# \xff', 'latin1'), ['2:3: not UTF-8: the byte 0xff']],
  ['#'.repeat(1 << 20) + '#', ['1:1: larger than 1024 KiB']],

  // Names.
  ['[streamin]\nbuffer_size = 1', ['1:2: there is no section [streamin]; did you mean [streaming]?']],
  ['[sse]\nretry_interval = "5s"', ['1:2: there is no section [sse]; did you mean [streaming.sse]?']],
  ['[nothing.of.this]\nx = 1', ['1:2: there is no section [nothing]']],
  ['[streaming]\nbufer_size = 1', ['2:1: streaming.bufer_size: there is no such setting; did you mean streaming.buffer_size?']],
  ['[streaming]\nlag_events = 1', ['2:1: streaming.lag_events: there is no such setting; did you mean streaming.buffer_size?']],
  ['[streaming]\nretry_interval = "5s"',
    ['2:1: streaming.retry_interval: there is no such setting; did you mean streaming.sse.retry_interval?']],
  ['[streaming.sse]\nheartbeat-interval = "5s"',
    ['2:1: streaming.sse.heartbeat-interval: there is no such setting; did you mean streaming.sse.heartbeat_interval?']],
  ['workers = 2', ['1:1: workers: there is no such setting; did you mean server.workers?']],
  ['[server]\nconfig = "other.toml"', ['2:1: server.config: there is no such setting']],
  ['[log]\nzzzzzzzzzz = 1', ['2:1: log.zzzzzzzzzz: there is no such setting']],
  ['streaming = 5', ['1:1: streaming: is a section, as [streaming]; found a whole number']],
  ['[[streaming.sse]]', ['1:13: streaming.sse: is a section, as [streaming.sse]; found an array']],
  ['[streaming.sse.retry_interval]', ['1:16: streaming.sse.retry_interval: needs a text with its unit, as "30s"; found a table']],

  // Types.
  ['[streaming.sse]\nretry_interval = 5', ['2:18: streaming.sse.retry_interval: needs a text with its unit, as "30s"; found a whole number']],
  ['[streaming.sse]\nretry_interval = "5"', ['2:18: streaming.sse.retry_interval: \'5\' is no duration; write one as 100ms, 30s or 24h']],
  ['[streaming.sse]\nmax_connections = "10000"',
    ['2:19: streaming.sse.max_connections: needs a whole number without quotes, as 1000; found a text']],
  ['[streaming.sse]\nmax_connections = 1e4',
    ['2:19: streaming.sse.max_connections: needs a whole number without quotes, as 1000; found a number with a fraction']],
  ['[log]\ndata_dir = 5', ['2:12: log.data_dir: needs a text, in quotes; found a whole number']],
  ['[log]\ndata_dir = ["a"]', ['2:12: log.data_dir: needs a text, in quotes; found an array']],
  ['[log]\nsegment_bytes = 1.5', ['2:17: log.segment_bytes: needs a text with its unit, as "64KiB", or a number of bytes; ' +
    'found a number with a fraction']],
  ['[log]\nretention_age = 1979-05-27', ['2:17: log.retention_age: needs a text with its unit, as "30s"; found a date']],
  ['[cors]\nrequire_origin = "true"', ['2:18: cors.require_origin: needs true or false; found a text']],
  ['[auth]\nkeys = [1]', ['2:9: auth.keys: needs texts in its array; found a whole number']],
  ['[auth]\nkeys = true', ['2:8: auth.keys: needs an array of texts, as ["one", "another"]; found true or false']],
  ['[auth]\ncookie = "a\\u0000"', ['2:10: auth.cookie: a text without U+0000 is needed']],
  ['[producers]\nsocket_mode = 660',
    ['2:15: producers.socket_mode: needs a text of octal digits, as "0660", or 0o660; found a whole number']],
  ['[producers]\nallow_uid = ["root", true]', ['2:22: producers.allow_uid: needs numbers or names in its array; found true or false']],
  ['[producers]\nallow_gid = ["no-such-group"]', ['2:14: producers.allow_gid: \'no-such-group\' is no group of this machine, and no number']],
  ['[streaming.backpressure]\nthreshold = "0.8"',
    ['2:13: streaming.backpressure.threshold: needs a number without quotes, as 0.8; found a text']],
  ['[streaming.backpressure]\nstrategy = false', ['2:12: streaming.backpressure.strategy: needs a text, in quotes; found true or false']],

  // Values.
  ['[streaming.sse]\nmax_connections = 0', ['2:19: streaming.sse.max_connections: 0 is out of range; allowed is 1 to 10000000']],
  ['[streaming]\nbuffer_size = -1', ['2:15: streaming.buffer_size: -1 is out of range; allowed is 1 to 4294967295, or 0 for none']],
  ['[streaming]\noverflow_strategy = "drop"',
    ['2:21: streaming.overflow_strategy: \'drop\' is not one of drop_oldest, drop_newest, drop_lowest, disconnect, block']],
  ['[streaming.backpressure]\nthreshold = 0.0001',
    ['2:13: streaming.backpressure.threshold: \'0.0001\' is no number with at most three digits behind the point']],
  ['[auth]\nalgorithms = [\n  "ES256",\n  "none",\n]', ['4:3: auth.algorithms: \'none\' is not one of HS256, RS256, ES256, EdDSA']],
  ['[log]\nsegment_bytes = "3MiB"', ['2:17: log.segment_bytes: 3MiB is not a power of two']],
  ['[log]\nretention_bytes = "1GB!"', ['2:19: log.retention_bytes: \'1GB!\' is no size; write one as 65536, 64KiB or 1GiB']],
  ['[producers]\nsocket_mode = "0888"', ['2:15: producers.socket_mode: \'0888\' is no mode; write one in octal, 0 to 0777']],

  // What does not agree, or names what is not there.
  ['[log]\nsegment_bytes = "1MiB"\n[limits]\nevent_bytes_max = "1MiB"',
    ['4:19: limits.event_bytes_max: with these --segment-bytes it may be at most 256KiB']],
  ['[log]\nretention_bytes = "100MiB"', ['2:19: log.retention_bytes: it must be at least two segments, 128MiB (see --segment-bytes)']],
  ['[log]\ndata_dir = ""', ['2:12: log.data_dir: it may not be empty']],
  ['[auth]\ncookie = "a b"', ['2:10: auth.cookie: a name of 1 to 64 letters, digits and !#$%&\'*+-.^_`|~']],
  ['[quality]\nrules = ["latency > 1: compression on"]',
    ['2:9: quality.rules: at character 11 of \'latency > 1: compression on\': \'1\' is no latency; write it as 200ms']],
  ['[auth]\nkeys = ["/nonexistent/keys.json"]', ['2:8: auth.keys: /nonexistent/keys.json: No such file or directory']],

  ['[tls]\ncertificate = ["/nonexistent/c.pem"]\nkey = ["/nonexistent/k.pem"]',
    ['2:15: tls.certificate: /nonexistent/c.pem: cannot be read: No such file or directory']],
  ['[tls]\ncertificate = ["c.pem"]\nkey = ["a", "b"]',
    ['3:7: tls.key: each certificate needs its key, in the same order: there are 1 certificates and 2 keys']],
  ['[server]\nlisten = ["127.0.0.1:0", "nonsense"]', ['2:10: server.listen: \'nonsense\': this is no address to listen on: ' +
    'write HOST:PORT, as 127.0.0.1:8080, [::1]:8080 or *:8080, or unix:PATH']],

  // Several at once, in the order of their lines.
  ['[streaming]\nbuffer_size = many\nunknown_stream = 404\n[strming.sse]\n[log\n[memory]\nlimit = "1KiB"', [
    `2:15: 'many' ${noValue}`,
    '3:18: streaming.unknown_stream: needs a text, in quotes; found a whole number',
    '4:2: there is no section [strming]; did you mean [streaming]?',
    '5:5: expected \']\' behind the name of the table, found the end of the line',
    '7:9: memory.limit: 1KiB is out of range; allowed is 64MiB to 1024TiB',
  ]],
];

async function checkFaults(say) {
  for (const [text, told] of faulty) {
    const path = file(text);
    const answer = await serve(['--config', path, '--check-config']);
    assert.equal(answer.errors, told.map((line) => `${path}:${line}\n`).join(''), String(text).slice(0, 200));
    assert.equal(answer.status, 2, String(text).slice(0, 200));
    assert.equal(answer.output, '');
  }
  const many = file(`[log]\n${Array.from({ length: 30 }, (_, i) => `unknown_${i} = 1\n`).join('')}`);
  const lines = (await serve(['--config', many])).errors.trimEnd().split('\n');
  assert.equal(lines.length, 21);
  assert.equal(lines[20], 'ringcast: and 10 more faults');
  const gone = join(directory, 'gone.toml');
  const answer = await serve(['--config', gone]);
  assert.deepEqual([answer.status, answer.errors], [2, `ringcast: ${gone}: cannot be read: No such file or directory\n`]);
  say(`${faulty.length} faulty files`);
}

// The lines of --print-config as { 'section.key': [value, where from] }.
function parsePrinted(text) {
  const settings = {};
  let section = '';
  for (const line of text.split('\n')) {
    const header = /^\[(.+)\]$/.exec(line);
    const pair = /^(\w+) = (.+) # (.+)$/.exec(line);
    if (header) section = header[1];
    else if (pair) settings[`${section}.${pair[1]}`] = [pair[2], pair[3]];
    else assert.match(line, /^(# .*)?$/, `neither a header nor a setting: ${line}`);
  }
  return settings;
}

async function printed(args, options) {
  const answer = await serve([...args, '--print-config'], options);
  assert.deepEqual([answer.status, answer.errors], [0, '']);
  return { text: answer.output, settings: parsePrinted(answer.output) };
}

// What is printed says the same when it is read, at any number of settings.
async function checkRoundTrip(say) {
  const args = ['--workers', '3', '--rule', 'loss > 2%: batch_size larger', '--rule', 'latency > 1s: compression on',
    '--allow-origins', 'https://a.example,https://b.example', '--socket-allow-uid', 'root,1000', '--auth-audience', 'a "b" \\ \u00e9'];
  const first = await printed(args);
  assert.deepEqual(first.settings['quality.rules'],
    ['["loss > 2%: batch_size larger", "latency > 1s: compression on"]', '--rule']);
  assert.deepEqual(first.settings['cors.allow_origins'], ['["https://a.example", "https://b.example"]', '--allow-origins']);
  assert.deepEqual(first.settings['producers.allow_uid'], ['[0, 1000]', '--socket-allow-uid']);
  assert.deepEqual(first.settings['auth.audience'], ['"a \\"b\\" \\\\ \u00e9"', '--auth-audience']);
  assert.deepEqual(first.settings['streaming.sse.retry_interval'], ['"5s"', 'default']);
  assert.match(first.text, /^# data_dir: \/var\/lib/m, 'what the machine decides has no value');
  const path = file(first.text);
  const second = await printed(['--config', path]);
  const values = (settings) => Object.fromEntries(Object.entries(settings).map(([place, [value]]) => [place, value]));
  assert.deepEqual(values(second.settings), values(first.settings));
  const lines = first.text.split('\n');
  for (const [place, [, from]] of Object.entries(second.settings)) {
    const [, line] = /^.*:(\d+)$/.exec(from) ?? assert.fail(`${place} is from ${from}`);
    assert.ok(lines[line - 1].startsWith(`${place.split('.').pop()} = `), `${place}: ${from}`);
  }
  say(`${Object.keys(first.settings).length} settings printed, and read again`);
}

async function checkPrecedence() {
  const path = file('[streaming.sse]\nretry_interval = "1s"\nheartbeat_interval = "10s"\n[streaming]\nbuffer_size = 10\n' +
    '[quality]\nrules = ["loss > 2%: batch_size larger"]\n');
  const environment = { RINGCAST_CONFIG: path, RINGCAST_RETRY: '2s', RINGCAST_LAG_EVENTS: '20', RINGCAST_RULE: 'none' };
  const { settings } = await printed(['--retry', '3s'], { environment });
  assert.deepEqual(settings['streaming.sse.retry_interval'], ['"3s"', '--retry']);
  assert.deepEqual(settings['streaming.buffer_size'], ['20', 'RINGCAST_LAG_EVENTS']);
  assert.deepEqual(settings['streaming.sse.heartbeat_interval'], ['"10s"', `${path}:3`]);
  assert.deepEqual(settings['quality.rules'], ['["none"]', 'RINGCAST_RULE']);
  assert.deepEqual(settings['streaming.unknown_stream'], ['"wait"', 'default']);
  const lists = { RINGCAST_LISTEN: '127.0.0.1:0; [::1]:0', RINGCAST_RULE: 'loss > 2%: batch_size larger; latency > 1s: compression on;' };
  const several = await printed([], { environment: lists });
  assert.deepEqual(several.settings['server.listen'], ['["127.0.0.1:0", "[::1]:0"]', 'RINGCAST_LISTEN']);
  assert.deepEqual(several.settings['quality.rules'],
    ['["loss > 2%: batch_size larger", "latency > 1s: compression on"]', 'RINGCAST_RULE']);
  const other = file('[streaming.sse]\nretry_interval = "4s"\n');
  const flag = await printed(['--config', other], { environment: { RINGCAST_CONFIG: path } });
  assert.deepEqual(flag.settings['streaming.sse.retry_interval'], ['"4s"', `${other}:2`], 'a flag names the file first');
  assert.deepEqual(flag.settings['streaming.buffer_size'], ['1000', 'default']);
  const mixed = await serve(['--workers', '0', '--config', file('[log]\nx = 1\n')], { environment: { RINGCAST_RETRY: 'soon' } });
  assert.equal(mixed.status, 2);
  assert.match(mixed.errors, /^.*\.toml:2:1: log\.x: .*\nringcast: RINGCAST_RETRY: 'soon' is no .*\nringcast: --workers: 0 is out .*\n$/);
}

// A broker that cannot use what its settings name says so by their place, and for whom.
async function checkNamedFiles() {
  const key = join(directory, 'secret.key');
  const path = file(`[auth]\nkeys = ["${key}"]\n`);
  writeFileSync(key, 'x'.repeat(32));
  chmodSync(key, 0o600);
  const args = ['--config', path, '--data-dir', join(directory, 'data'), '--socket', join(directory, 'socket'), '--listen', '127.0.0.1:0',
    '--admin-listen', 'none'];
  if (process.getuid() === 0) {
    chmodSync(scratch, 0o755);
    const check = await serve([...args, '--check-config']);
    assert.equal(check.output, `${path}: good for root; with --user NAME it is told whether NAME may read the files\n`);
    const other = await serve([...args, '--check-config', '--user', 'nobody']);
    assert.deepEqual([other.status, other.errors],
      [2, `${path}:2:8: auth.keys: ${key}: Permission denied, as user nobody\n`]);
  }
  rmSync(key);
  const started = await serve(args);
  assert.deepEqual([started.status, started.errors],
    [1, `ringcast: ${path}:2:8: auth.keys: ${key}: No such file or directory\n`]);
}

// The published example, as a broker goes by it.
async function checkPublished() {
  const path = file(published);
  const check = await serve(['--config', path, '--check-config']);
  assert.deepEqual(check, { status: 0, output: `${path}: good\n`, errors: '' });
  const { settings } = await printed(['--config', path]);
  const expected = {
    'streaming.buffer_size': '1000', 'streaming.overflow_strategy': '"drop_oldest"', 'streaming.sse.retry_interval': '"5s"',
    'streaming.sse.max_connections': '10000', 'streaming.sse.heartbeat_interval': '"30s"',
    'streaming.websocket.max_frame_size': '"64KiB"', 'streaming.websocket.compression': 'true',
    'streaming.websocket.ping_interval': '"30s"', 'streaming.backpressure.threshold': '100',
    'streaming.backpressure.strategy': '"pause"',
  };
  for (const [place, value] of Object.entries(expected)) {
    assert.equal(settings[place][0], value, place);
    assert.match(settings[place][1], /\.toml:\d+$/, place);
  }
  for (const strategy of ['pause', 'drop', 'buffer']) {
    const other = file(published.replace('"pause"', `"${strategy}"`));
    assert.equal((await serve(['--config', other, '--check-config'])).status, 0, strategy);
  }
  const changed = file(published.replace('"5s"', '"7s"'));
  const broker = await Broker.start({ flags: ['--config', changed], directory: join(directory, 'broker') });
  const answer = await within('an answer', fetch(`${broker.url}/streams/a`));
  const reader = answer.body.getReader();
  assert.match(new TextDecoder().decode((await within('its beginning', reader.read())).value), /^retry: 7000\n/m);
  await reader.cancel();
  assert.match(readFileSync(broker.logPath, 'utf8'), /what is set for WebSocket has no effect yet/);
  await broker.stop();
}

test(async ({ say }) => {
  await checkFaults(say);
  await checkRoundTrip(say);
  await checkPrecedence();
  await checkNamedFiles();
  await checkPublished();
});

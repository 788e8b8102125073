// ringcast-bench against ringcast and against a small server of ours, over each way to publish; and that what goes wrong
// in a server is found, told and seen in the exit status.
// timeout: 180
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Broker, Child, binary, build, scratch, slowness, test, within } from './broker.mjs';
import { SseServer } from './sse_server.mjs';

const bench = join(build, 'ringcast-bench');
const SUBSCRIBERS = 12;
const STREAMS = 3;
const LOAD = ['--connections', SUBSCRIBERS, '--duration', '500ms', '--warmup', '100ms', '--settle', '50ms'];

// Runs it to its end: { code, printed, errors }.
async function run(mode, ...flags) {
  const printed = [];
  const child = new Child(bench, [mode, ...flags].map(String), { errors: 'pipe', onLine: (line) => printed.push(line) });
  let errors = '';
  child.process.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  child.process.stdin.end();
  const { code } = await within(`${mode} ${flags.join(' ')}`, child.ended, 60_000 * slowness);
  return { code, printed, errors };
}

// The same, with a good end: the JSON. Every subscriber has to have got every event of its stream.
async function runWell(mode, ...flags) {
  const { code, printed, errors } = await run(mode, ...flags, '--json');
  assert.equal(code, 0, `${mode} ${flags.join(' ')}: ${errors}`);
  return check(JSON.parse(printed.join('\n')));
}

function check(result) {
  assert.equal(result.good, true);
  assert.ok(result.events > 0, 'events');
  if (result.events % result.streams === 0) {
    assert.equal(result.deliveries, result.events * result.connections / result.streams, 'deliveries');
  }
  assert.deepEqual([result.lost, result.repeated, result.gaps, result.failed], [0, 0, 0, 0]);
  assert.deepEqual([result.first_finding, result.error], ['', '']);
  return result;
}

// A run against a server with a fault: exit status 1, and `told` in its text.
async function runBadly(fault, told, flags = []) {
  const server = await SseServer.start({ fault });
  const { code, printed } = await run('fanout', '--url', `${server.url}/{stream}`, '--publish', `${server.url}/{stream}`,
    ...LOAD, '--rate', 200, ...flags);
  const text = printed.join('\n');
  assert.equal(code, 1, `${JSON.stringify(fault)}: ${text}`);
  assert.match(text, /^check +FAILED/m);
  assert.match(text, told);
  await server.stop();
}

async function againstRingcast() {
  const broker = await Broker.start();
  const load = ['--url', broker.url, ...LOAD];
  const result = await runWell('fanout', ...load, '--publish', `unix:${broker.socket}`, '--streams', STREAMS, '--pid', broker.pid);
  assert.ok(result.server_cpu_per_delivery_ns > 0 && result.resident_after_bytes > 0, 'what the server used');
  await runWell('fanout', ...load, '--publish', `unix:${broker.socket}`, '--rate', 300);
  await runWell('latency', '--url', broker.url, '--publish', `unix:${broker.socket}`, '--duration', '300ms', '--warmup', '0ms');

  const publisher = `'${binary}' publish --socket '${broker.socket}'`;
  await runWell('fanout', ...load, '--publish', `exec:${publisher} bench/0`);

  // Through a pipe: the JSON in a file, or behind the text on standard error.
  const file = join(scratch, 'result.json');
  const pipe = (flags, rest) => ['-c', `'${bench}' fanout ${load.join(' ')} --publish - ${flags} | ${publisher} bench/0 ${rest}`];
  const piped = new Child('/bin/bash', ['-o', 'pipefail', ...pipe(`--output '${file}'`, '')], { errors: 'ignore' });
  assert.equal((await within('the pipe', piped.ended)).code, 0);
  check(JSON.parse(readFileSync(file, 'utf8')));
  const lines = [];
  const shown = new Child('/bin/bash', ['-o', 'pipefail', ...pipe('--rate 200 --json 2>&3', '>/dev/null 3>&-')].map((word, at, all) => (
    at === all.length - 1 ? `exec 3>&1; ${word}` : word)), { onLine: (line) => lines.push(line) });
  assert.equal((await within('the pipe', shown.ended)).code, 0);
  assert.match(lines.join('\n'), /^check +good/m);
  check(JSON.parse(lines.at(-1)));
  await broker.stop();
}

async function againstOther() {
  for (const answer of [204, 200, 'chunked', 'close']) {
    const server = await SseServer.start({ answer });
    const here = ['--url', `${server.url}/{stream}`, ...LOAD, '--streams', STREAMS];
    await runWell('fanout', ...here, '--publish', `${server.url}/{stream}`, '--publish-connections', 2);
    assert.equal(server.fields[0], 'text/plain');
    await server.stop();
  }
  const server = await SseServer.start();
  const here = ['--url', `${server.url}/{stream}`, ...LOAD, '--stream', 'a "{number}" b'];
  await runWell('fanout', ...here, '--publish', `${server.url}/json`, '--publish-pipeline', 16, '--streams', STREAMS,
    '--publish-header', 'content-type: application/json', '--body', '{"stream":"{stream_json}","data":"{data_json}"}');
  assert.equal(new Set(server.fields).size, 1);
  assert.equal(server.fields[0], 'application/json');
  const before = server.posts;
  const { events } = await runWell('latency', '--url', `${server.url}/{number}`, '--publish', `${server.url}/{number}`,
    '--duration', '300ms', '--warmup', '0ms');
  assert.equal(server.posts - before, events, 'a POST each');
  await server.stop();
}

// A certificate and its key, in files.
function certify(name) {
  const [certificate, key] = ['certificate', 'key'].map((kind) => join(scratch, `${name}-${kind}.pem`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return { certificate, key };
}

// Over TLS, by a certificate that is verified; and with one that nobody vouches for.
async function overTls() {
  const [ours, others] = ['ours', 'others'].map((name) => certify(name));
  const secure = { key: readFileSync(ours.key), cert: readFileSync(ours.certificate) };
  const server = await SseServer.start({ secure, stores: true });
  const plain = await SseServer.start({ stores: true });
  // The events come to the one by the other.
  plain.publish = (path, data) => server.publish(path, data);
  const here = ['--url', `${server.url}/{stream}`, '--publish', `${plain.url}/{stream}`, '--streams', STREAMS];
  for (const version of ['1.2', '1.3']) {
    const result = await runWell('fanout', ...here, ...LOAD, '--rate', 200, '--threads', 2, '--tls-ca', ours.certificate,
      '--tls-version', version);
    assert.deepEqual([result.tls_version, result.tls_handshakes, result.tls_resumed], [`TLSv${version}`, SUBSCRIBERS, 0]);
  }
  const { tls_handshakes: handshakes, tls_resumed: resumed } = await runWell('storm', ...here, '--connections', SUBSCRIBERS,
    '--missed', 2);
  assert.deepEqual([handshakes, resumed], [2 * SUBSCRIBERS, SUBSCRIBERS], 'who comes back has a ticket');
  const other = await run('fanout', ...here, ...LOAD, '--tls-ca', ours.key);
  assert.equal(other.code, 2, 'a file without a certificate');
  const stranger = await run('fanout', ...here, ...LOAD, '--tls-ca', others.certificate);
  assert.equal(stranger.code, 1);
  assert.match(stranger.printed.join('\n'), /the server's certificate: self-signed certificate/);
  const confused = await run('fanout', '--url', plain.url.replace('http', 'https'), '--publish', `${plain.url}/x`, ...LOAD);
  assert.equal(confused.code, 1);
  assert.match(confused.printed.join('\n'), /TLS: wrong version number/);
  await Promise.all([server.stop(), plain.stop()]);
}

// Producers alone: the JSON, once every event was acknowledged.
async function ingest(...flags) {
  const { code, printed, errors } = await run('ingest', ...flags, '--duration', '300ms', '--warmup', '50ms', '--json');
  assert.equal(code, 0, errors);
  const result = JSON.parse(printed.join('\n'));
  assert.equal(result.good, true);
  assert.ok(result.acknowledged > 0, 'events');
  return result;
}

async function producersAlone() {
  const broker = await Broker.start();
  await ingest('--publish', `unix:${broker.socket}`, '--producers', 2, '--streams', STREAMS);
  await broker.stop();
  for (const answer of [200, 'chunked', 'close']) {
    const server = await SseServer.start({ answer });
    const before = server.posts;
    const { acknowledged } = await ingest('--publish', `${server.url}/{stream}`, '--producers', 2, '--publish-connections', 5,
      '--publish-pipeline', answer === 'chunked' ? 3 : 1, '--streams', STREAMS);
    assert.ok(server.posts - before >= acknowledged, 'a POST each');
    await server.stop();
  }
  await ingest('--bare', '--publish-connections', 5, '--publish-pipeline', 4);
  const server = await SseServer.start({ fault: { kind: 'refuse', at: 20 } });
  const { code, printed } = await run('ingest', '--publish', `${server.url}/{stream}`);
  assert.equal(code, 1);
  assert.match(printed.join('\n'), /FAILED.*the server answered 500: out of order today/);
  await server.stop();
}

async function faults() {
  await runBadly({ kind: 'lose', at: 50 }, /1 lost, 0 repeated.*\n.*got event 51 when 50 was due/);
  await runBadly({ kind: 'lose', at: 10 }, /1 lost, 0 repeated.*\n.*got event 11 when 10 was due/); // in the warm-up
  await runBadly({ kind: 'lose-rest', at: 15 }, /had 14 of \d+ events at the end[^]*no event has arrived/);
  await runBadly({ kind: 'repeat', at: 50 }, /0 lost, 1 repeated.*\n.*got event 50 after event 50/);
  await runBadly({ kind: 'swap', at: 50 }, /1 repeated or out of order.*\n.*got event 51 when 50 was due/);
  await runBadly({ kind: 'cut', at: 50 }, /1 subscribers failed.*\n.*the server closed the connection/);
  await runBadly({ kind: 'turn-away', at: 5 }, /1 subscribers failed.*\n.*the server answered 503/);
  await runBadly({ kind: 'refuse', at: 50 }, /the server answered 500: out of order today/);
  await runBadly({ kind: 'refuse', at: 20 }, /the server answered 500: out of order today/, ['--rate', 0]);
  await runBadly({}, /it ended early, with status 7/, ['--publish', 'exec:head -n 3 >/dev/null; exit 7']);
}

// Exit status 2: it could not run.
async function impossible() {
  const server = await SseServer.start();
  const closed = createServer();
  const port = await new Promise((resolve) => closed.listen(0, '127.0.0.1', () => resolve(closed.address().port)));
  await new Promise((resolve) => closed.close(resolve));
  const nobody = `http://127.0.0.1:${port}`;
  for (const [told, ...flags] of [
    [/connecting: Connection refused/, '--url', server.url, '--publish', nobody],
    [/--publish 'ftp:x': it must begin with unix:/, '--url', server.url, '--publish', 'ftp:x'],
    [/'y' follows it/, '--url', server.url, '--publish', '-y'],
    [/cannot have line ends/, '--url', server.url, '--publish', '-', '--body', '{data}\n'],
    [/unix: takes no --body/, '--url', server.url, '--publish', 'unix:/nowhere', '--body', 'x'],
    [/--publish is missing/, '--url', server.url],
    [/--publish-header cannot have that value/, '--publish-header', 'no field'],
    [/--output .*: No such file/, '--url', server.url, '--publish', server.url, '--output', join(scratch, 'no', 'file')],
  ]) {
    const { code, errors } = await run('fanout', ...flags);
    assert.equal(code, 2, errors);
    assert.match(errors, told);
  }
  // The subscribers' server is gone: not one could connect.
  const { code, printed } = await run('fanout', '--url', nobody, '--publish', server.url, ...LOAD);
  assert.equal(code, 1);
  assert.match(printed.join('\n'), /connecting subscriber \d+: Connection refused/);
  await server.stop();
}

test(async ({ say }) => {
  await againstRingcast();
  say('ringcast: by its socket, by a command and by a pipe');
  await againstOther();
  say('another server: by POST');
  await overTls();
  say('over TLS');
  await producersAlone();
  say('producers alone');
  await faults();
  say('faults are found');
  await impossible();
});

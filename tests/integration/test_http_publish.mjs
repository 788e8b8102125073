// Publishing over HTTP: each kind of body, levels of acknowledgement, idempotency, batches, chunks, 100 (Continue), life
// and listing of streams, direct sends, limits, pipelining; and the README's examples, as they stand there.
// timeout: 120
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { Broker, Subscriber, test, within } from './broker.mjs';

const run = promisify(execFile);
const agent = new Agent({ keepAlive: true });
const TEXT = { 'Content-Type': 'text/plain' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const NDJSON = { 'Content-Type': 'application/x-ndjson' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const BODY_BYTES_MAX = 512 << 10;

function ask(broker, method, path, { headers = {}, body = undefined, pieces = undefined } = {}) {
  return within(`an answer to ${method} ${path}`, new Promise((resolve, reject) => {
    const asked = request(broker.url + path, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => { text += piece; });
      response.on('end', () => resolve({
        status: response.statusCode,
        headers: response.headers,
        json: text.startsWith('{') ? JSON.parse(text) : undefined,
      }));
    });
    asked.on('error', reject);
    for (const piece of pieces ?? []) asked.write(piece); // chunked, since no length is said
    asked.end(body);
  }));
}

const post = (broker, path, body, headers = TEXT) => ask(broker, 'POST', path, { headers, body });

async function published(answer, expected) {
  const { status, json } = await answer;
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual({ ...json, id: undefined }, { id: undefined, duplicates: 0, ...expected });
  return json.id;
}

async function refused(answer, status, code) {
  const { status: got, json, headers } = await answer;
  assert.deepEqual([got, json.code], [status, code], JSON.stringify(json));
  assert.equal(headers['content-type'], 'application/problem+json');
  return json;
}

// What a socket says to these bytes until it is closed, or has said `end`.
function converse(broker, bytes, end) {
  return within('what the socket says', new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(broker.port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      said += piece;
      if (end !== undefined && said.includes(end)) socket.destroy();
    });
    socket.on('close', () => resolve(said));
    socket.on('error', reject);
  }));
}

async function bodies(broker) {
  await published(post(broker, '/streams/kinds?type=t', 'raw text'), { sequence: 1, accepted: 1 });
  await published(post(broker, '/streams/kinds', '{"data":{"a":1},"type":"j"}', JSON_TYPE), { sequence: 2, accepted: 1 });
  await published(post(broker, '/streams/kinds?body=raw', '{"raw":true}', JSON_TYPE), { sequence: 3, accepted: 1 });
  await published(post(broker, '/streams/kinds', '{"data":1}\n\n{"data":2}\r\n{"data":3}\n', NDJSON), { sequence: 6, accepted: 3 });
  await published(post(broker, '/streams/kinds', 'data=a+form%21&type=f', FORM), { sequence: 7, accepted: 1 });
  await published(post(broker, '/streams/kinds', Buffer.from([0xff, 0]), { 'Content-Type': 'image/png' }), { sequence: 8, accepted: 1 });
  await published(post(broker, '/streams/kinds', 'by fields', { ...TEXT, 'Event-Type': 'h' }), { sequence: 9, accepted: 1 });
  await published(post(broker, '/streams/kinds', ''), { sequence: 10, accepted: 1 });
  const reader = await new Subscriber(broker, '/streams/kinds?from=earliest').begun();
  await reader.has(10);
  assert.deepEqual(reader.events.map(({ type, data }) => [type, data]), [
    ['t', 'raw text'], ['j', '{"a":1}'], [null, '{"raw":true}'], [null, '1'], [null, '2'], [null, '3'], ['f', 'a form!'],
    [null, '/wA='], ['h', 'by fields'], [null, ''],
  ]);
}

async function levels(broker) {
  const { status, json } = await post(broker, '/streams/levels?ack=received', 'x');
  assert.deepEqual([status, json], [202, { accepted: 1, duplicates: 0 }]);
  await published(post(broker, '/streams/levels', 'x', { ...TEXT, Ack: 'synced' }), { sequence: 2, accepted: 1 });
  const reader = await new Subscriber(broker, '/streams/levels').begun();
  await published(post(broker, '/streams/levels?reach=1', 'x'), { sequence: 3, accepted: 1, reached: 1 });
  await reader.has(1);
  const transient = await post(broker, '/streams/levels?ephemeral=1', 'not kept');
  assert.equal(transient.status, 202);
  await reader.has(2);
  await refused(post(broker, '/streams/levels?ack=soon', 'x'), 400, 'invalid_parameter');
  await refused(post(broker, '/streams/levels?ack=synced', 'x', { ...TEXT, Ack: 'received' }), 400, 'invalid_parameter');
  assert.match((await refused(post(broker, '/streams/levels?akc=synced', 'x'), 400, 'invalid_parameter')).detail, /"ack"/);
}

async function idempotency(broker) {
  const by = (epoch, sequence) => ({ 'Producer-Id': 'till-1', 'Producer-Epoch': epoch, 'Producer-Seq': sequence });
  const once = (sequence, body, headers = TEXT, epoch = 1) =>
    post(broker, '/streams/once', body, { ...headers, ...by(epoch, sequence) });
  const id = await published(once(1, 'a'), { sequence: 1, accepted: 1 });
  const again = (await once(1, 'a')).json;
  assert.deepEqual(again, { id, sequence: 1, accepted: 0, duplicates: 1 });
  const batch = '{"data":2}\n{"data":3}\n{"data":4}';
  await published(once(2, batch, NDJSON), { sequence: 4, accepted: 3 });
  assert.equal((await once(3, '{"data":3}\n{"data":4}\n{"data":5}', NDJSON)).json.duplicates, 2);
  await published(once(1, 'a new instance', TEXT, 2), { sequence: 6, accepted: 1 });
  await refused(once(9, 'the old one', TEXT, 1), 409, 'stale_epoch');
  await refused(post(broker, '/streams/once', 'x', { ...TEXT, 'Producer-Id': 'alone' }), 400, 'missing_parameter');
}

async function batches(broker) {
  const fault = await refused(post(broker, '/streams/batch', '{"data":1}\n{"data":2\n', NDJSON), 400, 'serialization_error');
  assert.equal(fault.index, 1);
  assert.ok(fault.position >= 11);
  assert.equal((await ask(broker, 'HEAD', '/streams/batch')).status, 404, 'nothing of it was published');
  const many = Array.from({ length: 10_000 }, (_, i) => `{"data":${i}}`);
  await published(post(broker, '/streams/batch', many.join('\n'), NDJSON), { sequence: 10_000, accepted: 10_000 });
  await refused(post(broker, '/streams/batch', [...many, '{"data":1}'].join('\n'), NDJSON), 413, 'too_large');
}

async function sizes(broker) {
  const large = 'x'.repeat(300_000);
  await published(ask(broker, 'POST', '/streams/sizes', { headers: TEXT, pieces: [large.slice(0, 5), large.slice(5)] }),
    { sequence: 1, accepted: 1 });
  await published(post(broker, '/streams/sizes', large), { sequence: 2, accepted: 1 });
  const head = (fields) => `POST /streams/sizes HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
  const tooLong = `Content-Length: ${BODY_BYTES_MAX + 1}\r\n`;
  assert.match(await converse(broker, head(tooLong)), /^HTTP\/1\.1 413 /);
  assert.match(await converse(broker, head(`Expect: 100-continue\r\n${tooLong}`)), /^HTTP\/1\.1 413 /);
  assert.match(await converse(broker, `${head('Transfer-Encoding: chunked\r\n')}${(BODY_BYTES_MAX + 1).toString(16)}\r\nx`),
    /^HTTP\/1\.1 413 /);
  assert.match(await converse(broker, `${head('Content-Length: 9\r\n')}slow`), /^HTTP\/1\.1 408 /);
  assert.equal(await converse(broker, head('Expect: 100-continue\r\nContent-Length: 2\r\n'), '\r\n\r\n'),
    'HTTP/1.1 100 Continue\r\n\r\n');
  const one = `${head('Content-Length: 1\r\n')}p`;
  const said = await converse(broker, `${one}${one}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${one.replace('Host: x', 'Host: x\r\nConnection: close')}`);
  assert.deepEqual(said.match(/"sequence":\d|\nok\n/g), ['"sequence":3', '"sequence":4', '\nok\n', '"sequence":5']);
}

async function lives(broker) {
  const put = (body) => ask(broker, 'PUT', '/streams/life/one', { headers: JSON_TYPE, body });
  let answer = await put('{"retention_age":"1h","content_type":"text/plain"}');
  assert.deepEqual([answer.status, answer.json, answer.headers.location],
    [201, { name: 'life/one', created: true }, '/streams/life/one']);
  assert.equal((await put('{"retention_count":10}')).status, 200);
  await refused(put('{"retention":1}'), 400, 'invalid_parameter');
  answer = await ask(broker, 'POST', '/streams');
  assert.equal(answer.status, 201);
  assert.match(answer.headers.location, /^\/streams\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const id = await published(post(broker, '/streams/life/one', 'a'), { sequence: 1, accepted: 1 });
  answer = await ask(broker, 'HEAD', '/streams/life/one');
  assert.deepEqual(
    ['state', 'last-id', 'last-sequence', 'content-type'].map((name) => answer.headers[`ringcast-${name}`]),
    ['open', String(id), '1', 'text/plain']);
  const { json: info } = await ask(broker, 'GET', '/streams/life/one?view=info&reach=1');
  assert.deepEqual([info.name, info.state, info.last_id, info.subscribers, info.settings.retention_count],
    ['life/one', 'open', id, 0, 10]);

  await published(post(broker, '/streams/life/one?action=close', 'the last'), { sequence: 2, accepted: 1 });
  await refused(post(broker, '/streams/life/one', 'behind it'), 409, 'stream_closed');
  await post(broker, '/streams/life/two', 'a');
  assert.equal((await post(broker, '/streams/life/two?action=cancel', '')).status, 204);
  assert.equal((await ask(broker, 'HEAD', '/streams/life/two')).headers['ringcast-state'], 'cancelled');
  assert.equal((await ask(broker, 'DELETE', '/streams/life/two')).status, 204);
  assert.equal((await ask(broker, 'HEAD', '/streams/life/two')).status, 404);
  await refused(ask(broker, 'DELETE', '/streams/life/none'), 404, 'stream_not_found');

  for (let i = 0; i < 5; i++) await post(broker, `/streams/pages/${i}`, 'x');
  const names = [];
  let after = 0;
  while (after !== undefined) {
    const { json } = await ask(broker, 'GET', `/streams?prefix=pages/&limit=2&after=${after}`);
    assert.ok(json.streams.length <= 2);
    names.push(...json.streams.map(({ name }) => name));
    after = json.next;
  }
  assert.deepEqual(names.sort(), [0, 1, 2, 3, 4].map((i) => `pages/${i}`));
}

async function direct(broker) {
  const one = await new Subscriber(broker, '/streams/direct').begun();
  const { json: all } = await post(broker, '/broadcast?type=note', 'to all');
  assert.ok(all.reached >= 1);
  await one.has(1);
  assert.deepEqual([one.events[0].type, one.events[0].data], ['note', 'to all']);
  const [, id] = /Ringcast-Connection-Id: (\w+)/.exec(one.header);
  const { status, json } = await post(broker, `/connections/${id}?type=note`, 'to one');
  assert.deepEqual([status, json.reached], [202, 1]);
  await one.has(2);
  await refused(post(broker, '/connections/00000000ffffffff', 'x'), 404, 'connection_not_found');
  await refused(post(broker, '/connections/me', 'x'), 404, 'connection_not_found');
}

// Every line of the README's section that is a command, in its order.
async function examples(broker) {
  const [, section] = /\n### HTTP publishing\n(.*?)\n### /s.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'));
  const commands = section.split('\n').filter((line) => /^ {4}.*\bcurl /.test(line))
    .map((line) => line.trim().replaceAll('http://127.0.0.1:8080', broker.url));
  assert.ok(commands.length >= 10);
  const { stdout } = await run('bash', ['-ec', `set -o pipefail; curl() { command curl -sS --fail -m 10 "$@"; }\n${commands.join('\n')}`]);
  const answers = section.split('\n').filter((line) => /^ {4}\{/.test(line)).map((line) => line.trim());
  for (const answer of answers) assert.ok(stdout.includes(answer), `${answer} in ${stdout}`);
  return commands.length;
}

test(async ({ say }) => {
  const flags = ['--anonymous', 'all', '--request-bytes-max', '512KiB', '--body-timeout', '500ms'];
  const broker = await Broker.start({ flags });
  say(`${await examples(broker)} examples of the README work`);
  for (const part of [bodies, levels, idempotency, batches, sizes, lives, direct]) {
    await part(broker);
    say(part.name);
  }
  await broker.stop();
});

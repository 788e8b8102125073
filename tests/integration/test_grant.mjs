// What a token makes of a stream that it opened (mission I1, I2): only the types of events that it names, an end with its
// own, told in the stream, and a fresh one that lets it go on.
// timeout: 120
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../npm.mjs';
import { Broker, Lines, Subscriber, scratch, sleep, test, until, within } from './broker.mjs';

const { EventSource } = load('eventsource');
const SECRET = randomBytes(32);
const secretPath = join(scratch, 'secret.key');
writeFileSync(secretPath, SECRET, { mode: 0o600 });

const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
function token(ringcast, seconds = 3600, subject = 'alice') {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${encode({ alg: 'HS256' })}.${encode({ sub: subject, exp, ringcast })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
const bearer = (...args) => ({ Authorization: `Bearer ${token(...args)}` });
const ALL = { read: ['**'] };
const SOME = { read: ['**'], types: ['text*'] };

const idOf = (subscriber) => /\r\nRingcast-Connection-Id: (\w+)/.exec(subscriber.header)[1];
const lastOf = (subscriber) => subscriber.events.at(-1);

async function onlyTheTypesItNames(broker, lines) {
  const paths = ['/streams/types', '/events?stream=types&stream=other', '/streams/types?batch=event', '/stream?stream_id=types'];
  const types = ['text', 'secret', 'text/b', 'text2', 'message'];
  await lines.publish('types', 'early', { type: 'secret' });
  const open = async (headers) => Promise.all(paths.map((path) => new Subscriber(broker, path, { headers }).begun()));
  const some = await open(bearer(SOME));
  const all = await open(bearer(ALL));
  for (let i = 0; i < 50; i++) await lines.publish('types', `data of ${types[i % 5]} ${i}`, { type: types[i % 5] });
  const { id } = await lines.publish('types', 'the last', { type: 'text' });
  const text = (subscriber) => subscriber.events.map((event) => event.data).join('\n');
  for (const subscriber of [...some, ...all]) await until('the last event', () => text(subscriber).includes('the last'));
  for (const subscriber of some) {
    assert.doesNotMatch(text(subscriber), /secret|text\/b|of message|early/);
    for (let i = 0; i < 50; i++) assert.equal(text(subscriber).includes(`${types[i % 5]} ${i}`), ['text', 'text2'].includes(types[i % 5]));
    assert.equal(lastOf(subscriber).id, id);
  }
  for (const subscriber of all) assert.match(text(subscriber), /data of secret 46/);
  for (const subscriber of [...some, ...all]) subscriber.close();
}

// It is told where it is: what it never saw may go, and is no gap to it.
async function itsResumePointMovesOn(broker, lines) {
  const quiet = await new Subscriber(broker, '/streams/quiet', { headers: bearer(SOME) }).begun();
  await lines.publish('quiet', 'seen', { type: 'text' });
  let id;
  for (let i = 0; i < 3; i++) ({ id } = await lines.publish('quiet', 'hidden', { type: 'secret' }));
  await until('it is told its place', () => quiet.notices.some((notice) => notice.id === id));
  quiet.close();
  assert.deepEqual(quiet.events.map((event) => event.data), ['seen']);
  await lines.ask({ op: 'discard', stream: 'quiet' });
  const back = await new Subscriber(broker, '/streams/quiet', { headers: { ...bearer(SOME), 'Last-Event-ID': id } }).begun();
  await lines.publish('quiet', 'after', { type: 'text' });
  await back.has(1);
  assert.deepEqual(back.events.map((event) => [event.type, event.data]), [['text', 'after']]);
  assert.doesNotMatch(back.header, /Ringcast-Gap/);
  // It saw nothing of the end, either.
  await lines.publish('quiet', 'hidden', { type: 'secret' });
  await lines.ask({ op: 'end', stream: 'quiet', life: 'close' });
  await within('the end of the connection', back.ended);
  assert.equal(lastOf(back).type, 'end');
  const headers = { ...bearer(SOME), 'Last-Event-ID': String(lastOf(back).id) };
  assert.equal((await fetch(`${broker.url}/streams/quiet`, { headers })).status, 204);
}

async function itEndsWithItsToken(broker, lines) {
  const brief = await new Subscriber(broker, '/streams/brief', { headers: bearer(ALL, 2) }).begun();
  const expiresAt = (await broker.ask({ op: 'connection', connection: idOf(brief) })).connection.expires_at;
  await lines.publish('brief', 'one');
  await within('the end of the connection', brief.ended);
  assert.ok(Date.now() >= expiresAt, 'not before');
  assert.deepEqual(brief.events.map((event) => [event.type, event.data]), [[null, 'one'], ['disconnect', '{"reason":"token_expired"}']]);
  assert.ok(lastOf(brief).retry > 0);
}

// A page whose tokens are brief misses nothing: EventSource comes back with the next one.
async function nobodyMissesAnything(broker, lines) {
  const got = [];
  let opened = 0;
  const source = new EventSource(`${broker.url}/streams/long?from=earliest`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...bearer(ALL, 2) } }),
  });
  source.onopen = () => { opened++; };
  source.onmessage = (event) => got.push(Number(event.data));
  let count = 0;
  await until('three tokens have expired', async () => {
    await lines.publish('long', String(count++));
    return opened > 3;
  }, 30_000);
  await until('all are there', () => got.length === count);
  assert.deepEqual(got, Array.from({ length: count }, (_, i) => i));
  source.close();
}

async function aFreshTokenGoesOn(broker, lines) {
  const post = async (id, headers) => (await fetch(`${broker.url}/connections/${id}/token`, { method: 'POST', headers })).status;
  const kept = await new Subscriber(broker, '/streams/kept', { headers: bearer(SOME, 3) }).begun();
  const id = idOf(kept);
  const expiresAt = (await broker.ask({ op: 'connection', connection: id })).connection.expires_at;
  assert.equal(await post(id, bearer(ALL, 3600, 'bob')), 403, 'of another subject');
  assert.equal(await post(id, bearer({ read: ['other'] })), 403, 'not for its stream');
  assert.equal(await post('00000000ffffffff', bearer(ALL)), 404);
  assert.equal(await post(id, { Authorization: 'Bearer x' }), 401);
  assert.equal(await post(id, bearer(ALL)), 204);
  await sleep(expiresAt + 300 - Date.now());
  await lines.publish('kept', 'all types now', { type: 'secret' });
  await kept.has(1);
  assert.deepEqual(kept.events.map((event) => [event.type, event.data]), [['secret', 'all types now']]);
  const { subject, expires_at: later } = (await broker.ask({ op: 'connection', connection: id })).connection;
  assert.equal(subject, 'alice');
  assert.ok(later > expiresAt);
  kept.close();
}

test(async ({ say }) => {
  const flags = ['--auth-keys', secretPath, '--auth-leeway', '0s', '--retry', '50ms', '--heartbeat-interval', '200ms'];
  const broker = await Broker.start({ flags });
  const lines = await Lines.connect(broker.socket);
  await onlyTheTypesItNames(broker, lines);
  say('types');
  await itsResumePointMovesOn(broker, lines);
  say('places');
  await itEndsWithItsToken(broker, lines);
  await nobodyMissesAnything(broker, lines);
  say('ends');
  await aFreshTokenGoesOn(broker, lines);
  await broker.stop();
});

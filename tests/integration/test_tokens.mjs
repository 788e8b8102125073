// Tokens and their keys with the real binary: `ringcast token` beside the cryptography of Node.js, in both directions; a
// connection ends when its token expires; keys are changed under load, and no connection is lost by it (issue 5, 2).
// timeout: 180
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerTo, binary, Broker, scratch, sleep, Subscriber, test, until } from './broker.mjs';

const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'];
const ALL = { read: ['**'], write: ['**'] };
const nowS = () => Math.floor(Date.now() / 1000);

// --- tokens and keys, made by Node.js ---

const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

function signature(algorithm, key, text) {
  if (algorithm === 'HS256') return createHmac('sha256', key).update(text).digest('base64url');
  const options = algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key;
  return sign(algorithm === 'EdDSA' ? null : 'sha256', text, options).toString('base64url');
}

// { secret } or { privateKey, publicKey }
function makeKey(algorithm) {
  if (algorithm === 'HS256') return { algorithm, secret: randomBytes(32) };
  const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519'] };
  return { algorithm, ...generateKeyPairSync(...kinds[algorithm]) };
}

function makeToken(key, claims, header = {}) {
  const text = `${encode({ alg: key.algorithm, ...header })}.${encode({ sub: 'alice', exp: nowS() + 3600, ringcast: ALL, ...claims })}`;
  return `${text}.${signature(key.algorithm, key.secret ?? key.privateKey, text)}`;
}

const jwkOf = (key, more = {}) => ({
  ...(key.secret ? { kty: 'oct', k: key.secret.toString('base64url') } : key.publicKey.export({ format: 'jwk' })), ...more,
});

// --- ringcast token ---

function run(args, input = '') {
  const { status, stdout, stderr } = spawnSync(binary, ['token', ...args], { input, encoding: 'utf8', timeout: 30_000 });
  return { status, out: stdout, err: stderr };
}

function succeeds(...args) {
  const { status, out, err } = run(...args);
  assert.equal(status, 0, `${args[0].join(' ')}: ${err}${out}`);
  return out;
}

function verdict(token, ...paths) {
  const { status, out, err } = run(['inspect', ...paths.flatMap((path) => ['--key', path])], `${token}\n`);
  const found = /^verdict +(.*)$/m.exec(out)?.[1];
  assert.equal(status, found?.startsWith('good') ? 0 : 1, `${out}${err}`);
  return found;
}

function checkMade(directory) {
  for (const algorithm of ALGORITHMS) {
    const name = join(directory, algorithm);
    succeeds(['key', '--alg', algorithm, name]);
    const [secretPath, publicPath] = algorithm === 'HS256' ? [`${name}.key`, `${name}.key`] : [`${name}.private.pem`, `${name}.pem`];
    assert.equal(statSync(secretPath).mode & 0o777, 0o600, 'who may read what is secret');
    assert.match(run(['key', '--alg', algorithm, name]).err, /File exists/);

    const token = succeeds(['make', '--key', secretPath, '--kid', algorithm, '--sub', 'älice', '--read', 'chat/*', '--read', 'a,b',
      '--types', 'text', '--broadcast', '--aud', 'here', '--iss', 'me', '--expires', '10m']).trim();
    const [header, claims, signed] = token.split('.');
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url')), { alg: algorithm, typ: 'JWT', kid: algorithm });
    const { exp, iat, ...rest } = JSON.parse(Buffer.from(claims, 'base64url'));
    assert.equal(exp - iat, 600);
    assert.deepEqual(rest, { iss: 'me', sub: 'älice', aud: 'here',
      ringcast: { read: ['chat/*', 'a,b'], types: ['text'], broadcast: true } });

    const text = `${header}.${claims}`;
    if (algorithm === 'HS256') {
      assert.equal(signature(algorithm, readFileSync(secretPath, 'utf8').trim(), text), signed);
    } else {
      const key = createPublicKey(readFileSync(publicPath));
      assert.ok(verify(algorithm === 'EdDSA' ? null : 'sha256', text, algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
        Buffer.from(signed, 'base64url')), `${algorithm}, by Node.js`);
      assert.ok(createPrivateKey(readFileSync(secretPath)));
    }
    assert.equal(verdict(token, publicPath), 'good');
    assert.match(verdict(`${text}.${signed.slice(0, -4)}AAAA`, publicPath), /^not good: the signature does not fit$/);
    assert.match(run(['inspect', token]).out, /verdict +not checked/);
    assert.equal(run(['inspect', '--key', publicPath, '--aud', 'there'], token).status, 1);
    assert.equal(run(['inspect', '--key', publicPath, '--aud', 'here', '--iss', 'me'], `Bearer ${token}`).status, 0);
  }
}

// What is likely a mistake is told of.
function checkDoubts(directory) {
  const name = join(directory, 'doubts');
  succeeds(['key', name]);
  const make = (...args) => run(['make', '--key', `${name}.private.pem`, ...args]);
  assert.match(make().err, /allows nothing/);
  assert.equal(make('--read', 'a').err, '');
  const endless = make('--read', 'a', '--expires', '0');
  assert.match(endless.err, /no expiry.*--auth-require-exp off/);
  assert.match(run(['inspect', '--key', `${name}.pem`], endless.out).out, /^expires +never, .*--auth-require-exp off$/m);
  assert.match(run(['make', '--key', `${name}.pem`]).err, /no key to sign with/);
  assert.match(make('x').err, /'x' is one argument too many/);
  assert.match(run(['key']).err, /NAME is missing/);
  assert.match(run(['mint']).err, /there is no `ringcast token mint`/);
  assert.match(run(['inspect']).err, /nothing was given/);
  assert.match(run(['inspect', `${name}.pem`]).err, /is a file.*inspect <FILE/);

  const key = makeKey('HS256');
  const path = `${name}.key`;
  writeFileSync(path, key.secret.toString('hex'), { mode: 0o600 });
  const old = makeToken({ ...key, secret: key.secret.toString('hex') }, { exp: nowS() - 5 });
  assert.equal(verdict(old, path), 'good, but only by --leeway: the token has expired (exp)');
}

// What Node.js made is good here: as PEM, as JSON Web Keys, private ones too.
function checkTaken(directory) {
  const keys = ALGORITHMS.map(makeKey);
  const path = join(directory, 'set.json');
  writeFileSync(path, JSON.stringify({ keys: keys.map((key) => jwkOf(key, { kid: `the ${key.algorithm}`, use: 'sig', alg: key.algorithm })) }));
  chmodSync(path, 0o600);
  for (const key of keys) {
    assert.equal(verdict(makeToken(key), path), 'good');
    assert.equal(verdict(makeToken(key, {}, { kid: `the ${key.algorithm}` }), path), 'good');
    assert.match(verdict(makeToken(key, {}, { kid: 'another' }), path), /no key here/);
    assert.match(verdict(makeToken(key, { exp: nowS() - 60 }), path), /has expired/);
    if (key.secret) continue;
    const pem = join(directory, `${key.algorithm}-of-node.pem`);
    writeFileSync(pem, key.publicKey.export({ format: 'pem', type: 'spki' }));
    assert.equal(verdict(makeToken(key), pem), 'good');
    const jwk = join(directory, `${key.algorithm}-of-node.jwk`);
    writeFileSync(jwk, JSON.stringify(key.privateKey.export({ format: 'jwk' })), { mode: 0o600 });
    assert.equal(verdict(succeeds(['make', '--key', jwk]).trim(), pem), 'good');
  }
}

// --- expiry ---

const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

const ask = (broker, token, stream = 'load') => answerTo(broker,
  `GET /streams/${stream} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);

const post = (broker, path, token, body = '') => answerTo(broker, `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
  + `Authorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

// One whose token expires in mid-stream, beside one who got a fresh one in time and one whose holds on.
async function checkExpiry(directory) {
  const key = makeKey('EdDSA');
  const path = join(directory, 'issuer.json');
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, JSON.stringify(jwkOf(key)));
  const broker = await Broker.start({ directory, flags: ['--auth-keys', path, '--auth-leeway', '0'] });
  const long = makeToken(key, {});
  const soon = makeToken(key, { exp: nowS() + 3 });
  const subscribe = async (token) => new Subscriber(broker, '/streams/mid', bearer(token)).begun();
  const [ending, renewed, staying] = [await subscribe(soon), await subscribe(soon), await subscribe(long)];
  assert.equal((await post(broker, '/streams/mid', long, 'before')).status, 200);
  await ending.has(1);
  const connection = /Ringcast-Connection-Id: (\w+)/.exec(renewed.header)[1];
  const renew = async (claims) => (await post(broker, `/connections/${connection}/token`, makeToken(key, claims))).status;
  assert.equal(await renew({ sub: 'bob' }), 403, 'a token of somebody else');
  assert.equal(await renew({ ringcast: { read: ['other'] } }), 403, 'a token for another stream');
  assert.equal(await renew({}), 204);

  await until('the connection ends', () => ending.socket.destroyed);
  assert.equal(ending.failure, null);
  assert.deepEqual(ending.events.map((event) => event.type), [null, 'disconnect']);
  assert.equal(JSON.parse(ending.events[1].data).reason, 'token_expired');
  assert.equal((await post(broker, '/streams/mid', soon, 'too late')).status, 401);
  assert.equal((await post(broker, '/streams/mid', long, 'after')).status, 200);
  for (const subscriber of [renewed, staying]) {
    await subscriber.has(2);
    assert.deepEqual(subscriber.events.map((event) => event.data), ['before', 'after']);
    subscriber.close();
  }
  await broker.stop();
}

// --- other keys, under load ---

const SUBSCRIBERS = 40;

// Subscribers that see each of the numbers that are published, once and in order.
class Load {
  constructor(broker) {
    this.broker = broker;
    this.published = 0;
    this.subscribers = [];
    this.isOver = false;
  }

  async run() {
    while (!this.isOver) {
      await this.publish();
      await sleep(2);
    }
    await this.publish(); // who joined last is to see one at least
  }

  async publish() {
    const answer = await this.broker.ask({ stream: 'load', data: String(this.published) });
    assert.ok(answer.id > 0, JSON.stringify(answer));
    this.published++;
  }

  async join(key, kid, count) {
    for (let i = 0; i < count; i++) {
      const token = makeToken(key, { sub: `${kid}-${i}` }, { kid });
      this.subscribers.push(await new Subscriber(this.broker, '/streams/load', bearer(token)).begun());
    }
  }

  async check() {
    const last = String(this.published - 1);
    for (const { events, socket, failure } of this.subscribers) {
      await until('the last event', () => failure ?? (events.length > 0 && events.at(-1).data === last));
      assert.equal(failure, null);
      assert.equal(socket.destroyed, false, 'a connection was lost');
      const first = Number(events[0].data);
      assert.deepEqual(events.map((event) => Number(event.data)), events.map((_, i) => first + i));
    }
  }
}

async function checkRotation(directory, say) {
  const keys = join(directory, 'keys');
  mkdirSync(keys, { recursive: true });
  const [old, fresh, secret] = [makeKey('ES256'), makeKey('RS256'), makeKey('HS256')];
  // As an administrator does it: what stands there is whole.
  const put = (name, text) => {
    writeFileSync(join(keys, 'new'), text, { mode: 0o600 });
    renameSync(join(keys, 'new'), join(keys, name));
  };
  const status = async (key, kid) => (await ask(broker, makeToken(key, {}, { kid }))).status;
  put('old.pem', old.publicKey.export({ format: 'pem', type: 'spki' }));
  const broker = await Broker.start({ directory, flags: ['--auth-keys', keys] });
  const load = new Load(broker);
  const running = load.run();
  await load.join(old, 'old', SUBSCRIBERS);
  const early = makeToken(old, {}, { kid: 'old' });
  assert.equal((await ask(broker, early)).status, 200);
  assert.equal(await status(fresh, 'fresh'), 401);

  put('fresh.json', JSON.stringify(jwkOf(fresh)));
  await until('the new key counts', async () => await status(fresh, 'fresh') === 200);
  assert.equal(await status(old, 'old'), 200);
  await load.join(fresh, 'fresh', SUBSCRIBERS);
  say(`the new key counts, at event ${load.published}`);

  rmSync(join(keys, 'old.pem'));
  // Also for a token that was verified before.
  await until('the old key counts no more', async () => (await ask(broker, early)).status === 401);
  assert.equal(await status(old, 'old'), 401);
  assert.equal(await status(fresh, 'fresh'), 200);
  say(`the old key counts no more, at event ${load.published}`);

  put('broken.json', '{"keys":[');
  await until('it is told', () => broker.log().includes('broken.json: not a JSON Web Key or a set of them'));
  assert.equal(await status(fresh, 'fresh'), 200);
  rmSync(join(keys, 'broken.json'));
  put('secret.key', secret.secret);
  broker.child.process.kill('SIGHUP');
  await until('the secret counts', async () => await status(secret, 'secret') === 200);

  // Many times over, while everything goes on.
  for (let i = 0; i < 20; i++) {
    put('secret.key', randomBytes(32));
    broker.child.process.kill('SIGHUP');
    await sleep(20);
  }
  await until('the secret counts no more', async () => await status(secret, 'secret') === 401);
  await load.join(fresh, 'fresh', SUBSCRIBERS / 2);
  load.isOver = true;
  await running;
  await load.check();
  say(`${load.subscribers.length} subscribers had each of ${load.published} events that were theirs`);
  for (const subscriber of load.subscribers) subscriber.close();
  assert.doesNotMatch(readFileSync(broker.logPath, 'utf8'), /eyJ/, 'no token is in the log');
  await broker.stop();
}

test(async ({ say }) => {
  const directory = join(scratch, 'made');
  mkdirSync(directory, { recursive: true });
  checkMade(directory);
  checkDoubts(directory);
  checkTaken(directory);
  say('tokens and keys are those of Node.js, in both directions');
  await checkExpiry(join(scratch, 'expiry'));
  say('a token expired in mid-stream');
  await checkRotation(join(scratch, 'rotation'), say);
});

// Pages of other origins in headless Chromium: one that is on the list streams and publishes, by a cookie and by a
// token in a header, with the preflights that this takes; one that is not gets nothing, and what it sends is not
// published (issue 5, point 5).
// timeout: 120
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Broker, PATIENCE_MS, Subscriber, scratch, test, within } from '../integration/broker.mjs';
import { load } from '../npm.mjs';

const { chromium } = load('playwright-core');
const SECRET = randomBytes(32);

const browserPath = () => execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], { encoding: 'utf8' }).trim();
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
function token(ringcast) {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600, ringcast })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

// A server of an application: one empty page, which logs the person in by a cookie that scripts cannot read. Cookies do
// not know ports, so that the broker on the same host gets it.
async function application() {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.setHeader('Set-Cookie', `auth_token=${token({ read: ['chat/*'], write: ['chat/*'] })}; HttpOnly; SameSite=Strict; Path=/`);
    response.end('<!doctype html><title>application</title>');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

// What runs in the page; each answers in a word or two.
const inPage = {
  // Streams with the cookie until the event comes that `publish` sends, or the browser gives up.
  stream: ({ url, body }) => new Promise((resolve) => {
    const source = new EventSource(`${url}/streams/chat/42`, { withCredentials: true });
    source.addEventListener('open', () => {
      void fetch(`${url}/streams/chat/42`, {
        method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ data: body, type: 'text' }),
      });
    });
    source.addEventListener('text', (event) => {
      source.close();
      resolve(`${event.lastEventId > 0} ${event.data}`);
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) resolve('closed');
    });
  }),
  // Reads by fetch with a token in a header: what a script may see of the answer.
  read: async ({ url, bearer }) => {
    try {
      const answer = await fetch(`${url}/streams/chat/42?from=earliest`, { headers: { Authorization: `Bearer ${bearer}`, 'Last-Event-ID': '0' } });
      const reader = answer.body.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return `${answer.status} ${/^\w{16}$/.test(answer.headers.get('Ringcast-Connection-Id'))} ${new TextDecoder().decode(value).startsWith('id: ')}`;
    } catch (error) {
      return String(error.name);
    }
  },
  publish: async ({ url, path = '/streams/chat/42', credentials = 'include', mode = 'cors', type = 'application/json', body = '{"data":"foreign"}' }) => {
    try {
      const answer = await fetch(`${url}${path}`, { method: 'POST', mode, credentials, headers: { 'Content-Type': type }, body });
      if (answer.type === 'opaque') return 'opaque';
      const text = await answer.json();
      return `${answer.status} ${text.code ?? text.accepted}`;
    } catch (error) {
      return String(error.name);
    }
  },
};

test(async ({ say }) => {
  const secretPath = join(scratch, 'secret.key');
  writeFileSync(secretPath, SECRET, { mode: 0o600 });
  const home = await application();
  const foreign = await application();
  const broker = await Broker.start({ flags: ['--auth-keys', secretPath, '--allow-origins', home.origin] });
  const bearer = token({ read: ['chat/*'] });
  const witness = await new Subscriber(broker, '/streams/chat/42', { headers: { Authorization: `Bearer ${bearer}` } }).begun();
  const browser = await chromium.launch({
    executablePath: browserPath(),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'], // as in test_page.mjs
    timeout: PATIENCE_MS,
  });
  try {
    const open = async (origin) => {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      const preflights = [];
      const session = await page.context().newCDPSession(page);
      await session.send('Network.enable');
      session.on('Network.responseReceived', ({ type, response }) => {
        if (type === 'Preflight') preflights.push(response);
      });
      await page.goto(origin);
      return { preflights, run: (what, options) => within(what, page.evaluate(inPage[what], { url: broker.url.replace(/\/$/, ''), ...options })) };
    };

    const allowed = await open(home.origin);
    assert.equal(await allowed.run('stream', { body: 'hello' }), 'true hello', 'it streams and publishes by its cookie');
    const [preflight] = allowed.preflights;
    assert.ok(preflight, 'JSON takes a preflight');
    const fields = Object.fromEntries(Object.entries(preflight.headers).map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(preflight.status, 200);
    assert.equal(fields['access-control-allow-origin'], home.origin);
    assert.equal(fields['access-control-allow-credentials'], 'true');
    assert.equal(fields['access-control-max-age'], '86400');
    assert.match(fields.vary, /\bOrigin\b/);
    assert.deepEqual(fields['access-control-allow-methods'].split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
    assert.equal(await allowed.run('read', { bearer }), '200 true true', 'and reads by a token');
    assert.equal(await allowed.run('publish', { body: '{"data":"again"}' }), '200 1');
    assert.equal(await allowed.run('publish', { path: '/streams/other', body: '{"data":"x"}' }), '403 forbidden', 'errors can be read');
    assert.equal(await allowed.run('publish', { credentials: 'omit' }), '401 unauthorized', 'without its cookie it is nobody');
    await witness.has(2);
    say('a page of an allowed origin streams and publishes');

    const stranger = await open(foreign.origin);
    assert.equal(await stranger.run('stream', { body: 'foreign' }), 'closed');
    assert.equal(await stranger.run('read', { bearer }), 'TypeError');
    assert.equal(await stranger.run('publish', {}), 'TypeError');
    // What takes no preflight arrives, with the cookie, and is refused by its Origin.
    assert.equal(await stranger.run('publish', { type: 'text/plain', body: 'foreign' }), 'TypeError');
    assert.equal(await stranger.run('publish', { type: 'text/plain', body: 'foreign', mode: 'no-cors' }), 'opaque');
    assert.ok(stranger.preflights.every((one) => one.status === 403), 'its preflights are refused');
    assert.equal(await allowed.run('publish', { body: '{"data":"the last"}' }), '200 1');
    await witness.has(3);
    assert.deepEqual(witness.events.map((event) => event.data), ['hello', 'again', 'the last'], 'nothing of the foreign page was published');
    say('a page of another origin gets nothing');
  } finally {
    await browser.close();
    witness.close();
    home.server.close();
    foreign.server.close();
  }
  await broker.stop();
});

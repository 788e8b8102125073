// Chromium by TLS: the built-in page over https, its EventSource live, and again after the broker was killed and started,
// when the browser comes back with a ticket.
// timeout: 120
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Authority, flagsOf } from '../integration/certificates.mjs';
import { Broker, Lines, PATIENCE_MS, test, until } from '../integration/broker.mjs';
import { load } from '../npm.mjs';

const { chromium } = load('playwright-core');
const browserPath = () => execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], { encoding: 'utf8' }).trim();

test(async ({ say }) => {
  const pair = new Authority().make('page');
  const broker = await Broker.start({ flags: ['--listen', '127.0.0.1:0,tls', '--retry', '200ms', ...flagsOf(pair)] });
  broker.flags[1] = `127.0.0.1:${broker.tlsPort},tls`; // from now on
  const browser = await chromium.launch({
    executablePath: browserPath(),
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: PATIENCE_MS,
  });
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const response = await page.goto(`https://localhost:${broker.tlsPort}/healthz`);
    assert.equal(response.status(), 200);
    const { protocol } = await response.securityDetails();
    assert.equal(protocol, 'TLS 1.3');
    await page.evaluate(() => {
      window.numbers = [];
      const source = new EventSource('/streams/page?from=earliest');
      source.onmessage = (event) => window.numbers.push(Number(event.data));
    });
    const numbers = () => page.evaluate(() => window.numbers);
    let published = 0;
    const publish = async (count) => {
      const lines = await Lines.connect(broker.socket);
      for (let i = 0; i < count; i++) await lines.ask({ stream: 'page', data: String(++published) });
      lines.close();
    };
    await publish(200);
    await until('all are there', async () => (await numbers()).length === published);
    say('live');
    await broker.kill();
    await broker.start();
    await publish(200);
    await until('all are there again', async () => (await numbers()).length === published);
    assert.deepEqual(await numbers(), Array.from({ length: published }, (_, i) => i + 1));
    say('and again');
  } finally {
    await browser.close();
  }
  await broker.stop();
});

// The built-in page in headless Chromium: its EventSource shows what `ringcast vitals` publishes, comes back by itself
// when the broker is killed and started again, and shows what a person types. Leaves a picture of it in the build
// directory (issue 2, point 6).
// timeout: 180
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Broker, Child, Lines, PATIENCE_MS, binary, build, scratch, test, until } from '../integration/broker.mjs';
import { load } from '../npm.mjs';

const { chromium } = load('playwright-core');
const STREAMS = ['system/cpu', 'system/memory', 'system/disk', 'system/network'];

const browserPath = () => execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], { encoding: 'utf8' }).trim();

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--retry', '200ms'] });
  const vitals = new Child(binary, ['vitals', '--socket', broker.socket, '--interval', '200ms'], { errors: 'pipe' });
  const browser = await chromium.launch({
    executablePath: browserPath(),
    // Containers give no room for Chromium's own sandbox, and little shared memory. Only this broker's page is shown.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: PATIENCE_MS,
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      // A lost connection is told by the browser itself, and is what is wanted below.
      if (message.type() === 'error' && !/ERR_|Failed to load resource/.test(message.text())) troubles.push(message.text());
    });
    const response = await page.goto(broker.url);
    assert.equal(response.status(), 200);
    assert.match(response.headers()['content-security-policy'], /default-src 'none'/);

    // Live: readings in the tiles, events in the table.
    const status = page.locator('#status');
    await page.waitForFunction(() => document.getElementById('status').dataset.state === 'live');
    const rowsOf = (stream) => page.locator('#events tr').filter({ has: page.locator(`td:nth-child(2):text-is("${stream}")`) });
    for (const stream of STREAMS) {
      await rowsOf(stream).first().waitFor();
      await page.waitForFunction((name) => /\d/.test(document.querySelector(`[data-stream="${name}"] .value`)?.textContent ?? ''), stream);
    }
    const received = async () => Number((await page.locator('#count').textContent()).replace(/\D/g, ''));
    await until('events keep coming', async () => await received() >= 60);
    say(`the page shows ${await received()} events`);
    const ids = async () => (await page.locator('#events tr td:nth-child(3)').allTextContents()).map(Number);
    const shown = await ids();
    assert.ok(shown.length >= 20 && shown.every((id, i) => i === 0 || id < shown[i - 1]), `newest first, each once: ${shown}`);

    // Killed and started again: it reconnects by itself, with nothing missing and nothing twice.
    const before = (await ids())[0];
    await broker.kill();
    await page.waitForFunction(() => document.getElementById('status').dataset.state === 'connecting');
    await broker.start();
    await page.waitForFunction(() => document.getElementById('status').dataset.state === 'live');
    assert.match(await status.textContent(), /resumed once/);
    await until('events after the restart', async () => (await ids())[0] > before + 8);
    const after = await ids();
    assert.ok(after.every((id, i) => i === 0 || id < after[i - 1]), `newest first, each once: ${after}`);
    // vitals alone publishes: its ids go on without a hole, or with the one jump that a kill may cause.
    const jumps = after.slice(1).filter((id, i) => after[i] - id !== 1);
    assert.ok(jumps.length <= 1, `no event is missing: ${after}`);
    assert.equal(await page.locator('#events tr.gap').count(), 0, 'no gap is told');
    say('it came back after the broker was killed');
    mkdirSync(join(build, 'screenshots'), { recursive: true });
    await page.screenshot({ path: join(scratch, 'page.png'), fullPage: true });
    copyFileSync(join(scratch, 'page.png'), join(build, 'screenshots', 'page.png'));

    // A stream of one's own, with an event name that the page has to be told of, and text that is no HTML.
    await page.fill('#streams', 'demo/hello');
    await page.fill('#types', 'answer');
    await page.selectOption('#from', 'earliest');
    await page.click('#choice button');
    const lines = await Lines.connect(broker.socket);
    await lines.publish('demo/hello', '<b>hi</b> & "ü"', { type: 'answer' });
    await lines.publish('demo/hello', { n: 1 }, { type: 'error' });
    await page.waitForFunction(() => document.querySelectorAll('#events tr').length === 2);
    const cells = await page.locator('#events tr').last().locator('td').allTextContents();
    assert.deepEqual(cells.slice(1, 2).concat(cells.slice(3)), ['demo/hello', 'answer', '<b>hi</b> & "ü"']);
    assert.equal(await page.locator('#events b').count(), 0, 'data is text, not HTML');
    assert.match(page.url(), /stream=demo%2Fhello/);

    // A narrow window in the dark, for the eye.
    await page.setViewportSize({ width: 390, height: 800 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(broker.url);
    await page.waitForFunction(() => document.querySelectorAll('#events tr').length > 10);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `nothing sticks out of a narrow window: ${width}`);
    await page.screenshot({ path: join(build, 'screenshots', 'page-narrow.png') });

    // Told to end, the broker lets the page go, and the page says so.
    lines.close();
    await broker.stop();
    await page.waitForFunction(() => document.getElementById('status').dataset.state === 'connecting');
    assert.deepEqual(troubles, [], 'nothing is wrong in the page');
  } finally {
    await browser.close();
    vitals.process.kill('SIGKILL');
  }
});

// Kernel TLS: streams that the kernel encrypts, where it can (Linux 6.7 with its module tls), else the broker itself; which
// of the two, this test finds out, says and checks. The same bytes come either way: by each cipher, to clients that stall, in
// batches, across gaps, behind other requests of their connection; and the end is told.
// timeout: 240
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { connect } from 'node:tls';
import { Broker, Lines, Subscriber, sleep, slowness, test, until, within } from './broker.mjs';
import { Authority, flagsOf } from './certificates.mjs';
import { scrape, valueOf } from './metrics.mjs';

const authority = new Authority();
const STATISTICS = '/proc/net/tls_stat'; // there once the module is loaded
const CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

const countOf = (name) => (existsSync(STATISTICS)
  ? Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(readFileSync(STATISTICS, 'utf8'))[1]) : 0);

// null: it is; else why not.
function whyNotByKernel() {
  const [major, minor] = release().split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 7)) return `Linux ${release()} cannot hand it over from io_uring: that needs 6.7`;
  if (/socket-command|newer-than-6\.1/.test(process.env.RINGCAST_KERNEL_WITHOUT ?? '')) return 'it is told to do without (RINGCAST_KERNEL_WITHOUT)';
  return existsSync(STATISTICS) ? null : 'the module tls is not loaded';
}

const open = (broker, options = {}) => connect({ port: broker.tlsPort, host: '127.0.0.1', servername: 'localhost',
  ca: authority.pem, ...options });
const byTls = (broker, options = {}) => ({ connect: () => open(broker, options) });
const taken = async (broker) => valueOf(await scrape(broker), 'ringcast_tls_kernel_streams_total');

const start = (pair, ...flags) => Broker.start({ flags: ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0,tls',
  '--admin-listen', '127.0.0.1:0', '--anonymous', 'all', '--lag-events', '0', '--lag-bytes', '0', ...flagsOf(pair), ...flags] });

// Distinguishable bytes, so that nothing can stand in another's place.
const textOf = (number, length) => `${number}:${'abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(length / 26))}`.slice(0, Math.max(length, 8));

async function publish(lines, stream, lengths) {
  for (let i = 0; i < lengths.length; i += 100) {
    await Promise.all(lengths.slice(i, i + 100).map((length, k) => lines.ask({ stream, data: textOf(i + k, length) })));
  }
}

async function testCiphers(broker, lines, isByKernel) {
  const before = [await taken(broker), countOf('TlsTxSw')];
  const plain = await new Subscriber(broker, '/streams/ciphers').begun();
  const sealed = [];
  for (const cipher of CIPHERS) {
    const socket = open(broker, { ciphers: cipher, minVersion: 'TLSv1.3' });
    sealed.push(await new Subscriber({ connect: () => socket }, '/streams/ciphers').begun());
    assert.equal(socket.getCipher().name, cipher);
  }
  const older = await new Subscriber(byTls(broker, { maxVersion: 'TLSv1.2' }), '/streams/ciphers').begun();
  await publish(lines, 'ciphers', [1, 60, 200, 4000, 16_383, 16_384, 16_385, 50_000, 200_000, 1]);
  const wanted = await plain.has(10);
  for (const subscriber of [...sealed, older]) {
    assert.deepEqual(await subscriber.has(10), wanted);
    subscriber.close();
  }
  plain.close();
  const [streams, sockets] = [await taken(broker) - before[0], countOf('TlsTxSw') - before[1]];
  assert.deepEqual([streams, sockets], isByKernel ? [CIPHERS.length, CIPHERS.length] : [0, 0], 'by the kernel');
}

// What its session sealed before counts: answers, also large ones, come first on the same connection.
async function testOtherRequests(broker, lines, isByKernel) {
  const before = await taken(broker);
  for (const count of [1, 3, 7]) {
    const socket = open(broker);
    let got = '';
    const take = (text) => { got += text; };
    socket.setEncoding('utf8').on('data', take);
    for (let i = 1; i <= count; i++) {
      socket.write(`GET /${i % 2 === 0 ? '' : 'healthz'} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await until('an answer', () => got.split('HTTP/1.1 200').length === i + 1);
      await sleep(20);
    }
    socket.off('data', take);
    const subscriber = await new Subscriber({ connect: () => socket }, '/streams/others').begun();
    await publish(lines, 'others', [10, 20_000]);
    assert.deepEqual((await subscriber.has(2)).map(({ data }) => data), [textOf(0, 10), textOf(1, 20_000)]);
    subscriber.close();
  }
  assert.equal(await taken(broker) - before, isByKernel ? 3 : 0);
}

// One that reads nothing for a while gets all, in order: many small events, and frames that a send cuts.
async function testSlowReaders(broker, lines) {
  const plain = await new Subscriber(broker, '/streams/slow').begun();
  const slow = [];
  for (const path of ['/streams/slow', '/events?stream=slow', '/streams/slow?events_per_second=5000', '/streams/slow?batch=event&batch_timeout=20ms']) {
    slow.push(await new Subscriber(byTls(broker), path).begun());
  }
  const before = await broker.workerSum('short_sends');
  for (const { socket } of slow) socket.pause();
  const lengths = [...Array(1500).fill(3000), ...Array(20).fill(200_000), ...Array(100).fill(5)];
  await publish(lines, 'slow', lengths);
  const wanted = await plain.has(lengths.length);
  await until('sends are cut short', async () => await broker.workerSum('short_sends') > before);
  for (const { socket } of slow) socket.resume();
  assert.deepEqual(await slow[0].has(lengths.length), wanted);
  const texts = wanted.map(({ data }) => data);
  const dataOf = ({ data }) => { const parsed = JSON.parse(data); return (Array.isArray(parsed) ? parsed : [parsed]).map((one) => one.data); };
  assert.deepEqual((await slow[1].has(lengths.length)).flatMap(dataOf), texts);
  assert.deepEqual((await slow[2].has(lengths.length)).map(({ data }) => data), texts);
  await until('all batches', () => slow[3].failure ?? slow[3].events.flatMap(dataOf).length >= texts.length);
  assert.deepEqual(slow[3].events.flatMap(dataOf), texts);
  for (const subscriber of [...slow, plain]) {
    assert.equal(subscriber.failure, null);
    subscriber.close();
  }
}

// Beyond its limit events are dropped, and exactly these are told as missing.
async function testOverflow(broker, lines) {
  const COUNT = 3000;
  const slow = await new Subscriber(byTls(broker), '/streams/gaps?lag_events=50').begun();
  const quick = await new Subscriber(byTls(broker), '/streams/gaps').begun();
  slow.socket.pause();
  await publish(lines, 'gaps', Array(COUNT).fill(4000));
  await quick.has(COUNT);
  slow.socket.resume();
  const gaps = () => slow.events.filter((event) => event.type === 'gap').map((event) => JSON.parse(event.data));
  const lost = () => gaps().reduce((sum, gap) => sum + gap.count, 0);
  await until('all came or is told as missing', () => slow.failure ?? slow.events.length - gaps().length + lost() === COUNT);
  assert.equal(slow.failure, null);
  assert.ok(lost() > 0, 'it was too slow');
  slow.events.filter(({ type }) => type !== 'gap').forEach((event) => {
    assert.deepEqual(event, quick.events.find(({ id }) => id === event.id));
  });
  slow.close();
  quick.close();
}

// Connections that go at any moment around the handing over leave nothing behind.
async function testChurn(broker) {
  for (let i = 0; i < 60; i++) {
    const socket = open(broker);
    socket.on('error', () => {});
    socket.once('secureConnect', () => {
      socket.write('GET /streams/churn HTTP/1.1\r\nHost: localhost\r\n\r\n');
      setTimeout(() => socket.destroy(), i % 6);
    });
    if (i % 10 === 9) await within('it goes', new Promise((resolve) => socket.once('close', resolve)));
  }
  await until('all are gone', async () => (await broker.workerSum('connections')) <= 2);
  if (existsSync(STATISTICS)) await until('the kernel holds none', () => countOf('TlsCurrTxSw') === 0);
}

// The last frame comes, and behind it TLS's own end: else curl would call it cut off.
async function testFarewell(broker, lines) {
  const told = within('curl ends', new Promise((resolve) => {
    execFile('curl', ['-sSN', '--cacert', authority.path, '--max-time', String(60 * slowness), `https://localhost:${broker.tlsPort}/streams/end?from=earliest`],
      (error, out, errors) => resolve({ code: error === null ? 0 : error.code, out, errors }));
  }), 60_000 * slowness);
  await until('it reads', async () => (await broker.workerSum('streaming')) === 1);
  await publish(lines, 'end', [5, 70_000]);
  await sleep(100 * slowness);
  lines.close();
  await broker.stop();
  const { code, out, errors } = await told;
  assert.ok(out.includes(`data: ${textOf(0, 5)}\n`) && out.includes(`data: ${textOf(1, 70_000)}\n`), 'the events');
  assert.match(out, /: going away\n\n$/);
  assert.equal(code, 0, errors);
}

test(async ({ say }) => {
  const reason = whyNotByKernel();
  const isByKernel = reason === null;
  say(isByKernel ? 'KERNEL TLS IS HERE: these streams are encrypted by it' : `NO KERNEL TLS HERE (${reason}): the broker encrypts by itself`);
  const pair = authority.make('first');
  const broker = await start(pair);
  const lines = await Lines.connect(broker.socket);
  await testCiphers(broker, lines, isByKernel);
  say('each cipher');
  await testOtherRequests(broker, lines, isByKernel);
  say('behind other requests');
  await testSlowReaders(broker, lines);
  say('slow readers');
  await testOverflow(broker, lines);
  say('gaps');
  await testChurn(broker);
  say('churn');
  await testFarewell(broker, lines);
  say('the end');
  const without = await start(pair, '--tls-kernel', 'off');
  const more = await Lines.connect(without.socket);
  await testCiphers(without, more, false);
  more.close();
  await without.stop();
  say('--tls-kernel off');
});

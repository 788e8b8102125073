// Connections that come and go at every moment, politely and not, while events flow: those who stay miss nothing, and
// nothing of those who went is left (mission A5, I5; architecture, "Closing").
// timeout: 180
// smoke
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { Broker, Helper, Publisher, slowness, sleep, test, until } from './broker.mjs';

const ROUNDS = slowness === 1 ? 40 : 8;
const AT_ONCE = 60;

const request = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const pick = (list) => list[Math.floor(Math.random() * list.length)];

const ONLY_ASKED = {}; // for a stream of a new name

// What a visitor says, if anything; cut off anywhere.
const words = [
  '', 'GET', request('/healthz'), request('/nothing'), request('/healthz') + request('/nothing') + request('/healthz'),
  request('/healthz', 'Connection: close\r\n'), 'nonsense\r\n\r\n', request('/streams/churn'), request('/streams/churn?from=earliest'),
  request('/events?stream=churn&stream=other&from=last:5'), request('/healthz') + request('/streams/churn?from=last:3'),
  ONLY_ASKED, request('/stream?stream_id=nobody'), `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n`,
];
// How it leaves.
const ways = ['reset', 'end', 'destroy', 'stay'];

async function visit(port) {
  const word = pick(words);
  const text = word === ONLY_ASKED ? request(`/streams/only/${Math.random()}`) : word;
  const said = Math.random() < 0.2 ? text.slice(0, Math.floor(Math.random() * text.length)) : text;
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  if (Math.random() < 0.8) socket.resume(); // else it never reads
  socket.write(said);
  await sleep(Math.random() * 30);
  switch (pick(ways)) {
    case 'reset': socket.resetAndDestroy(); break;
    case 'end': socket.end(); await sleep(Math.random() * 20); socket.destroy(); break;
    case 'destroy': socket.destroy(); break;
    default: await sleep(Math.random() * 100); socket.destroy();
  }
  await closed;
}

test(async ({ say }) => {
  const broker = await Broker.start({
    flags: ['--request-timeout', '300ms', '--heartbeat-interval', '100ms', '--lag-events', '0', '--lag-bytes', '0', '--ring-descriptors', '64',
      '--connections-max', '1000'],
  });
  const publisher = new Publisher(broker, 'churn', { window: 4 });
  const faithful = new Helper('subscribers', broker.port, '--dense', 50, '/streams/churn');
  await faithful.answer('connected');
  publisher.order('run');
  let visits = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => visit(broker.port)));
    visits += AT_ONCE;
  }
  const [events] = await publisher.stop();
  await faithful.ask(`wait ${50 * events}`, 'reached');
  await until('only those who stay are left', async () => {
    const status = await broker.status();
    const sum = (name) => status.workers.reduce((total, worker) => total + worker[name], 0);
    return sum('connections') === 50 && sum('streaming') === 50 && sum('streams') <= status.workers.length;
  });
  // Names that were only asked for are forgotten.
  await until('only the stream that was published to is left', async () => {
    const { streams } = await broker.ask({ op: 'streams' });
    return streams.length === 1 && streams[0].name === 'churn';
  });
  const status = await broker.status();
  assert.equal(status.log.fault, null);
  say(`${visits} visits, while ${events} events went to 50 who stayed`);
  await broker.stop();
});

// The healthy ones beside the torture test, in a process of their own:
//     torture_witness.mjs PORT SOCKET SUBSCRIBERS EVENTS_PER_SECOND
// A producer and subscribers of its stream. On standard input: `phase` begins to count anew and answers `phase` with the
// latencies so far, from the moment of publishing to each subscriber's having the event, in windows of a second; `stop` ends
// publishing and answers `stopped EVENTS`, once every subscriber has every event, each once and in order.
import { createInterface } from 'node:readline';
import { Lines, Subscriber, until } from './broker.mjs';

const [port, socket, subscribers, rate] = process.argv.slice(2).map((value, index) => (index === 1 ? value : Number(value)));
const WINDOW_MS = 1000;

let windows = []; // of this phase: latencies in ms
let windowEnd = 0;
function note(latencyMs) {
  const now = performance.now();
  if (now > windowEnd) {
    windows.push([]);
    windowEnd = now + WINDOW_MS;
  }
  windows.at(-1).push(latencyMs);
}

const seen = new Array(subscribers).fill(0);
function take(index, { id, data }) {
  if (id === null) throw new Error(`not an event: ${data}`);
  const [number, sentAt] = data.split(' ').map(Number);
  if (number !== ++seen[index]) throw new Error(`subscriber ${index} has ${number}, not ${seen[index]}`);
  note(performance.now() - sentAt);
}

const readers = await Promise.all(seen.map((_, index) =>
  new Subscriber({ port }, '/streams/healthy', { onEvent: (event) => take(index, event) }).begun()));
const lines = await Lines.connect(socket);
let published = 0;
let unanswered = 0;
const began = performance.now();
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - began) * rate) / 1000);
  while (published < due) {
    unanswered++;
    void lines.send({ stream: 'healthy', data: `${++published} ${performance.now()}` }).then((answer) => {
      if (!(answer.id > 0)) throw new Error(JSON.stringify(answer));
      unanswered--;
    });
  }
}, 2);

function quantile(values, share) {
  return [...values].sort((one, other) => one - other)[Math.floor(share * (values.length - 1))];
}

for await (const order of createInterface({ input: process.stdin })) {
  if (order === 'phase') {
    const whole = windows.slice(0, -1);
    const p99 = whole.map((window) => quantile(window, 0.99));
    const all = windows.flat();
    console.log(`phase ${[quantile(all, 0.5), quantile(all, 0.99), Math.min(...p99), Math.max(...p99), all.length]
      .map((value) => (value ?? 0).toFixed(3)).join(' ')}`);
    windows = [];
    windowEnd = 0;
  } else {
    clearInterval(timer);
    await until('every subscriber has every event', () => {
      const failed = readers.find((reader) => reader.failure ?? reader.socket.destroyed);
      if (failed) throw failed.failure ?? new Error('a healthy subscription ended');
      return unanswered === 0 && seen.every((count) => count === published);
    });
    console.log(`stopped ${published}`);
    process.exit(0);
  }
}

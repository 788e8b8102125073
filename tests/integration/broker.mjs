// What the tests in Node.js share: a broker of their own, subscribers that check every byte, producers in the
// line protocol. `test` runs one and sees to it that nothing it started outlives it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, createWriteStream, mkdtempSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectByTls } from 'node:tls';
import { fileURLToPath } from 'node:url';

const root = process.env.RINGCAST_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));
export const build = process.env.RINGCAST_BUILD ?? join(root, 'build');
export const binary = process.env.RINGCAST_BIN ?? join(build, 'ringcast');
export const scratch = process.env.RC_TMP ?? mkdtempSync(join(tmpdir(), 'ringcast.'));

// Waits are bounded by this; a binary with a sanitizer in it is that much slower.
export const slowness = process.env.RC_SANITIZE ? 5 : 1;
export const PATIENCE_MS = 20_000 * slowness;

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Until the condition holds; returns what it gave. Fails, naming it, when it never does.
export async function until(what, condition, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) assert.fail(`never happens: ${what}`);
    await sleep(10);
  }
}

// The promise's value, or a failure that names it.
export function within(what, promise, patienceMs = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patienceMs} ms: ${what}`)), patienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const children = new Set();

// A child process that is killed with the test. `lines` takes each line of its output.
export class Child {
  constructor(command, args, { onLine = () => {}, errors = 'inherit' } = {}) {
    this.name = `${command} ${args[0] ?? ''}`;
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', errors] });
    this.process.stdin.on('error', () => {}); // it may be gone: its exit status tells
    this.ended = new Promise((resolve) => {
      this.process.on('error', (error) => resolve({ code: null, signal: null, error }));
      this.process.on('close', (code, signal) => resolve({ code, signal }));
    });
    children.add(this);
    void this.ended.then(() => {
      children.delete(this);
      this.isOver = true;
    });
    let rest = '';
    this.process.stdout.setEncoding('utf8');
    this.process.stdout.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) onLine(line);
    });
  }

  get pid() { return this.process.pid; }

  write(text) { this.process.stdin.write(text); }

  // Sends the signal and waits for the end.
  async end(signal) {
    this.process.kill(signal);
    return within(`the end of ${this.name}`, this.ended);
  }
}

// With RC_TLS set, brokers that are told of no listener have one with TLS beside the plain one, and Subscribers use that.
let authority = null;
async function sealedListener() {
  if (!process.env.RC_TLS) return [];
  const { Authority, flagsOf } = await import('./certificates.mjs');
  authority ??= new Authority(join(scratch, 'authority'));
  return ['--listen', '127.0.0.1:0,tls', ...flagsOf(authority.make('broker'))];
}

export class Broker {
  constructor({ flags = [], directory = join(scratch, 'broker'), host = '127.0.0.1', port = 0, launcher = [] } = {}) {
    mkdirSync(directory, { recursive: true });
    this.flags = flags;
    this.directory = directory;
    this.launcher = launcher; // a command in front of the broker's
    this.socket = join(directory, 'sock');
    this.data = join(directory, 'data');
    this.logPath = join(directory, 'log');
    this.host = host;
    this.port = port; // 0: a free one, kept from then on
    this.child = null;
  }

  static async start(options) {
    const broker = new Broker(options);
    await broker.start();
    return broker;
  }

  get url() { return `http://${this.host}:${this.port}`; }
  get pid() { return this.child.pid; }

  // A connection of a client's.
  connect() {
    return authority === null ? createConnection(this.port, '127.0.0.1')
      : connectByTls({ port: this.tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
  }

  // Until it says that it is ready.
  async start() {
    const flags = this.flags.slice();
    const add = (flag, value) => (this.flags.includes(flag) ? 0 : flags.push(flag, value));
    const sealed = this.flags.includes('--listen') ? [] : await sealedListener();
    add('--listen', `${this.host}:${this.port}`);
    flags.push(...sealed);
    add('--admin-listen', 'none'); // several tests run side by side
    add('--workers', '2');
    const command = [...this.launcher, binary, 'serve', '--socket', this.socket, '--data-dir', this.data, ...flags];
    let onReady;
    const ready = new Promise((resolve) => { onReady = resolve; });
    this.lines = []; // of the launcher, after the first, which is the broker's
    this.child = new Child(command[0], command.slice(1), {
      errors: 'pipe',
      onLine: (line) => (this.lines.push(line) === 1 ? onReady(line) : undefined),
    });
    brokers.add(this);
    this.child.process.stderr.pipe(createWriteStream(this.logPath, { flags: 'a' }));
    const ended = this.child.ended.then((end) => { throw new Error(`the broker did not start: ${JSON.stringify(end)}`); });
    const line = await within('the broker is ready', Promise.race([ready, ended]));
    ended.catch(() => {});
    this.line = line;
    const address = /https?:\/\/[\d.]+:(\d+)/.exec(line);
    assert.ok(address, `no address in: ${line}`);
    this.port = Number(address[1]);
    this.tlsPort = Number(/https:\/\/[\d.]+:(\d+)/.exec(line)?.[1]); // NaN: no such listener
    this.adminPort = Number(/ admin on http:\/\/[\d.]+:(\d+)/.exec(line)?.[1]); // NaN: no such listener
  }

  async kill() {
    const end = await this.child.end('SIGKILL');
    assert.equal(end.signal, 'SIGKILL', `the broker ended by itself before it was killed: ${JSON.stringify(end)}`);
  }

  // As an operator does; it has to end well.
  async stop() {
    const end = await this.child.end('SIGTERM');
    assert.deepEqual(end, { code: 0, signal: null }, 'how the broker ended');
  }

  log() {
    try {
      return readFileSync(this.logPath, 'utf8').split('\n').slice(-40).join('\n');
    } catch {
      return '';
    }
  }

  async ask(request) {
    const lines = await Lines.connect(this.socket);
    try {
      return await lines.ask(request);
    } finally {
      lines.close();
    }
  }

  status() { return this.ask({ op: 'status' }); }

  // A counter of all workers together.
  async workerSum(name) {
    const status = await this.status();
    return status.workers.reduce((sum, worker) => sum + worker[name], 0);
  }
}

const brokers = new Set();
const helpers = new Set();

// A program of tests/integration/*.c, or a script of that folder (NAME.mjs): orders on its standard input, answers a line each.
export class Helper {
  constructor(name, ...args) {
    this.lines = [];
    this.name = name;
    const command = name.endsWith('.mjs') ? [process.execPath, join(root, 'tests/integration', name)] : [join(build, 'integration', name)];
    this.child = new Child(command[0], [...command.slice(1), ...args.map(String)], {
      errors: 'pipe',
      onLine: (line) => this.lines.push(line),
    });
    this.errors = ''; // shown where the test fails; when the broker is stopped, helpers complain too
    this.child.process.stderr.setEncoding('utf8').on('data', (text) => { this.errors += text; });
    helpers.add(this);
  }

  order(text) { this.child.write(`${text}\n`); }

  // The words after `answer` of the next line that begins so; the lines before it are dropped.
  async answer(answer, patienceMs = PATIENCE_MS) {
    await until(`${this.name} says ${answer}`, () => {
      const at = this.lines.findIndex((line) => line.split(' ')[0] === answer);
      if (at >= 0) this.lines.splice(0, at);
      if (at < 0 && this.child.isOver) assert.fail(`${this.name} ended`);
      return at >= 0;
    }, patienceMs);
    return this.lines.shift().split(' ').slice(1).map(Number);
  }

  async ask(order, answer, patienceMs = PATIENCE_MS) {
    this.order(order);
    return this.answer(answer, patienceMs);
  }
}

// publisher.c. A class of orders; what was acknowledged is in `acks` once it has answered.
export class Publisher extends Helper {
  constructor(broker, stream, options = {}) {
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    super('publisher', broker.socket, stream, ...flags);
    this.acksPath = options.acks;
  }

  // Publishes so many more, all acknowledged when this returns.
  async publish(count, patienceMs = PATIENCE_MS) { return this.ask(`publish ${count}`, 'done', patienceMs); }

  async stop() { return this.ask('stop', 'done'); }

  acks() { return readNumbers(this.acksPath, 3); }
}

// A file of lines of so many numbers each, as one flat array.
export function readNumbers(path, columns) {
  const text = readFileSync(path);
  let numbers = new Float64Array(1 << 16);
  let count = 0;
  let value = -1;
  for (const byte of text) {
    if (byte >= 48 && byte <= 57) value = Math.max(value, 0) * 10 + byte - 48;
    else if (value >= 0) {
      if (count === numbers.length) {
        const larger = new Float64Array(2 * count);
        larger.set(numbers);
        numbers = larger;
      }
      numbers[count++] = value;
      value = -1;
    }
  }
  numbers = numbers.subarray(0, count);
  assert.equal(numbers.length % columns, 0, `whole lines in ${path}`);
  return numbers;
}

// A connection in the line protocol: one JSON object a line, answered in order.
export class Lines {
  static connect(path) {
    return within('a connection to the socket', new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('connect', () => resolve(new Lines(socket)));
      socket.once('error', reject);
    }));
  }

  constructor(socket) {
    this.socket = socket;
    this.waiting = []; // { resolve, reject }, in the order of the questions
    this.isOpen = true;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.waiting.shift().resolve(JSON.parse(line));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isOpen = false;
      for (const { reject } of this.waiting.splice(0)) reject(new Error('the connection ended before the answer'));
    });
  }

  // Sends a request without waiting; the promise is of its answer. False from `socket.write` means to slow down.
  send(request) {
    const answer = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.isFlowing = this.socket.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  ask(request) { return within(`an answer to ${JSON.stringify(request)}`, this.send(request)); }

  async publish(stream, data, more = {}) {
    const answer = await this.ask({ stream, data, ...more });
    assert.ok(answer.id > 0, `not published: ${JSON.stringify(answer)}`);
    return answer;
  }

  close() { this.socket.destroy(); }
}

// What the broker answers to the bytes of an HTTP request: its status, a problem's code, and whether it says when to
// come back. `from`: the client's address.
export function answerTo(broker, text, { from = undefined } = {}) {
  return within(`an answer to ${JSON.stringify(text.slice(0, 60))}`, new Promise((resolve, reject) => {
    const socket = createConnection({ port: broker.port, host: '127.0.0.1', localAddress: from });
    let bytes = '';
    const give = () => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(bytes)?.[1]);
      const code = /"code":"(\w+)"/.exec(bytes)?.[1];
      const retryAfter = /\r\nRetry-After: (\d+)\r\n/.exec(bytes)?.[1];
      socket.destroy();
      resolve({ status, code, retries: retryAfter !== undefined });
    };
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      bytes += piece;
      if (/"code":"\w+"/.test(bytes) || /\r\n\r\nid: /.test(bytes)) give();
    });
    socket.on('close', () => (bytes === '' ? reject(new Error('closed without an answer')) : give()));
    socket.on('error', () => {});
    socket.write(text);
  }));
}

// Reads an event stream as it stands, without any leniency: a line that is no field of ours fails.
export class EventReader {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = '';
  }

  push(text) {
    const frames = (this.rest + text).split('\n\n');
    this.rest = frames.pop();
    for (const frame of frames) this.take(frame);
  }

  take(frame) {
    const event = { id: null, type: null, data: null, retry: null, comment: null };
    for (const line of frame.split('\n')) {
      if (line.startsWith('data: ')) {
        event.data = event.data === null ? line.slice(6) : `${event.data}\n${line.slice(6)}`;
      } else if (line.startsWith('id: ')) event.id = Number(line.slice(4));
      else if (line.startsWith('event: ')) event.type = line.slice(7);
      else if (line.startsWith('retry: ')) event.retry = Number(line.slice(7));
      else if (line.startsWith(':')) event.comment = line.slice(1);
      else assert.fail(`not a line of an event stream: ${JSON.stringify(line)} in ${JSON.stringify(frame)}`);
    }
    this.onEvent(event);
  }
}

// One subscription over a plain socket. Events with data go to onEvent; those without are kept in `notices`.
export class Subscriber {
  constructor(broker, path, { headers = {}, onEvent = null } = {}) {
    this.events = [];
    this.notices = [];
    this.header = null;
    this.failure = null;
    const onFrame = onEvent ?? ((event) => this.events.push(event));
    const reader = new EventReader((event) => (event.data === null ? this.notices.push(event) : onFrame(event)));
    let head = '';
    this.socket = broker.connect?.() ?? createConnection(broker.port, '127.0.0.1');
    this.socket.setEncoding('utf8');
    const fields = Object.entries({ Host: 'localhost', Accept: 'text/event-stream', ...headers });
    this.socket.write(`GET ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
    this.ended = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('error', () => {}); // a killed broker; `ended` follows
    this.socket.on('data', (text) => {
      try {
        if (this.header !== null) return reader.push(text);
        head += text;
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return undefined;
        this.header = head.slice(0, end);
        return reader.push(head.slice(end + 4));
      } catch (error) {
        this.failure ??= error;
        return this.socket.destroy();
      }
    });
  }

  // Until its response began; fails unless it is an event stream.
  async begun() {
    await until('a response begins', () => this.header !== null || this.socket.destroyed);
    assert.match(this.header ?? '(nothing)', /^HTTP\/1\.1 200 OK\r\n/);
    return this;
  }

  async has(count) {
    await until(`${count} events (has ${this.events.length})`, () => this.failure ?? this.events.length >= count);
    if (this.failure) throw this.failure;
    return this.events;
  }

  close() { this.socket.destroy(); }
}

let isEnding = false;
function endAll(status) {
  if (isEnding) return;
  isEnding = true;
  if (status !== 0) {
    for (const helper of helpers) if (helper.errors) console.error(`--- ${helper.name} said:\n${helper.errors}`);
    for (const broker of brokers) console.error(`--- the broker in ${broker.directory} said:\n${broker.log()}`);
  }
  for (const child of children) child.process.kill('SIGKILL');
  void Promise.all([...children].map((child) => child.ended)).then(() => process.exit(status));
  setTimeout(() => process.exit(1), 5000).unref();
}

// Runs a test: its failure is told with the brokers' logs, and everything that it started is ended.
export function test(run) {
  const began = Date.now();
  const tell = (error) => {
    console.error(error);
    endAll(1);
  };
  process.on('uncaughtException', tell);
  process.on('unhandledRejection', tell);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => endAll(143));
  run({ say: (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1)} s: ${text}`) })
    .then(() => endAll(0), tell);
}

// One connection of the torture test: sends bytes as a case says, reads the answers strictly, and tells what happened.
import { createConnection } from 'node:net';
import { sleep } from './broker.mjs';

const PROBE = 'GET /healthz HTTP/1.1\r\nHost: probe\r\n\r\n';
// Every header field that the broker sends. One that is not among them was put there by a request.
const FIELDS = new Set(['access-control-allow-credentials', 'access-control-allow-headers', 'access-control-allow-methods',
  'access-control-allow-origin', 'access-control-expose-headers', 'access-control-max-age', 'allow', 'cache-control', 'connection',
  'content-length', 'content-security-policy', 'content-type', 'cross-origin-resource-policy', 'date', 'etag', 'link', 'location',
  'referrer-policy', 'retry-after', 'ringcast-connection-id', 'ringcast-content-type', 'ringcast-gap', 'ringcast-last-id',
  'ringcast-last-sequence', 'ringcast-state', 'transfer-encoding', 'vary', 'www-authenticate', 'x-accel-buffering',
  'x-content-type-options', 'x-frame-options', 'x-request-id']);

// The first answer in `text` (Latin-1), or null where it is not whole: { status, code, isStream, length }. Throws where it
// is no answer of ours.
export function readAnswer(text, isHead) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [line, ...fields] = text.slice(0, end).split('\r\n');
  const [, digits] = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(line) ?? [];
  if (digits === undefined) throw new Error(`no status line: ${JSON.stringify(line.slice(0, 80))}`);
  const header = new Map();
  for (const field of fields) {
    const [, name, value] = /^([A-Za-z-]+): ([ -~]*)$/.exec(field) ?? [];
    if (!FIELDS.has(name?.toLowerCase())) throw new Error(`not a field of ours: ${JSON.stringify(field)}`);
    header.set(name.toLowerCase(), value);
  }
  const status = Number(digits);
  const type = header.get('content-type') ?? '';
  if (type.startsWith('text/event-stream') && !isHead) return { status, code: 'stream', isStream: true, length: text.length };
  const length = isHead || status === 204 || status < 200 ? 0 : Number(header.get('content-length') ?? NaN);
  if (!Number.isInteger(length)) throw new Error(`no length: ${JSON.stringify(text.slice(0, end))}`);
  const body = text.slice(end + 4, end + 4 + length);
  if (body.length < length) return null;
  let code = '';
  if (type === 'application/problem+json' && !isHead) {
    const problem = JSON.parse(Buffer.from(body, 'latin1').toString());
    if (problem.status !== status) throw new Error(`status ${status}, but the problem says ${problem.status}`);
    ({ code } = problem);
  }
  const hasToWait = status === 429 || status === 503;
  if (hasToWait && !/^[1-9]\d*$/.test(header.get('retry-after'))) throw new Error(`${status} without Retry-After`);
  return { status, code, isStream: false, isClosing: header.get('connection') === 'close', length: end + 4 + length, body };
}

// A connection whose answers are read as they come.
class Talk {
  constructor(port, heads) {
    this.heads = heads; // which answers go without body, from 0
    this.answers = [];
    this.text = '';
    this.fault = null;
    this.isEnded = false;
    this.wake = () => {};
    this.socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece) => this.take(piece));
    this.socket.on('end', () => this.end());
    this.socket.on('error', () => this.end());
  }

  end() {
    this.isEnded = true;
    this.wake();
  }

  take(piece) {
    this.text += piece;
    try {
      while (!this.isStream) {
        const answer = readAnswer(this.text, this.heads.includes(this.answers.length));
        if (answer === null) break;
        this.answers.push(answer);
        this.text = this.text.slice(answer.length);
      }
    } catch (error) {
      this.fault ??= error;
    }
    this.wake();
  }

  get isStream() { return this.answers.at(-1)?.isStream ?? false; }
  get isOver() { return this.isEnded || this.fault !== null || this.isStream || (this.answers.at(-1)?.isClosing ?? false); }
  get finals() { return this.answers.filter(({ status }) => status >= 200).length; }

  async until(condition, deadline) {
    while (!condition() && !this.isEnded && this.fault === null && Date.now() < deadline) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now() + 1);
        this.wake = () => { clearTimeout(timer); resolve(); };
      });
    }
  }

  // Whether another request is answered as if nothing had been.
  async isUsable(deadline) {
    const before = this.answers.length;
    this.heads = [];
    this.socket.write(PROBE);
    await this.until(() => this.answers.length > before, deadline);
    const [probe] = this.answers.splice(before);
    return probe?.status === 200 && probe.body === 'ok\n' && this.text === '';
  }
}

// Plays a case against the port, and returns what happened as one text: the answers, `STATUS` or `STATUS CODE` each, and how
// the connection was left: `open` (one more request on it is answered) or `close`; after `200 stream` neither. steps: bytes
// (Latin-1), or milliseconds to wait, or { answers: N } to wait for. finals: how many answers to wait for before the probe; 0:
// until it is closed. deafMs: for so long nothing is read after all was said.
export async function play(port, { steps, finals, heads = [], isHalfClosed = false, deafMs = 0 }, patienceMs) {
  const talk = new Talk(port, heads);
  const deadline = Date.now() + patienceMs;
  if (deafMs > 0) talk.socket.pause();
  for (const step of steps) {
    if (talk.isEnded || Date.now() > deadline) break;
    if (typeof step === 'number') await sleep(step);
    else if (typeof step === 'string') talk.socket.write(step, 'latin1');
    else await talk.until(() => talk.answers.length >= step.answers, deadline);
  }
  if (isHalfClosed) talk.socket.end();
  if (deafMs > 0) {
    await sleep(deafMs);
    talk.socket.resume();
  }
  await talk.until(() => talk.isOver || (finals > 0 && talk.finals >= finals), deadline);
  let end = '';
  if (!talk.isStream) {
    const isUsable = !talk.isOver && !isHalfClosed && finals > 0 && (await talk.isUsable(deadline));
    if (!isUsable) await talk.until(() => talk.isEnded, deadline);
    end = isUsable ? 'open' : talk.isEnded ? 'close' : 'hangs';
  }
  talk.socket.destroy();
  if (talk.fault !== null) return `fault: ${talk.fault.message}`;
  const cut = talk.text !== '' && !talk.isStream ? 'a cut answer' : '';
  return [...talk.answers.map(({ status, code }) => (code ? `${status} ${code}` : String(status))), cut, end].filter(Boolean).join(', ');
}

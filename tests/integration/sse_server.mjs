// A small server of event streams with faults to order: subscribers by GET, events by POST to the same path, or to
// /json with {"stream", "data"}. For the tests of ringcast-bench.
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

export class SseServer {
  // fault: { kind, at }: at the at-th event of a stream (lose, repeat, swap, cut), POST (refuse) or subscriber (turn-away);
  // with stores, of those that come back with a Last-Event-ID (forget, remind); at the at-th gap of a stream that is told
  // to those that ask for less (silence). These, with ?every=N, get one event in N, and a gap before it.
  // secure: key, certificate and options of node:tls, for https.
  constructor({ fault = {}, answer = 204, stores = false, secure } = {}) {
    this.stores = stores; // events have ids, and are kept
    this.fault = fault;
    this.answer = answer;
    this.posts = 0;
    this.subscribers = 0;
    this.fields = []; // of the POSTs: their Content-Type
    this.streams = new Map(); // path: { responses, events, held }
    const options = { keepAliveTimeout: 60_000, ...secure };
    this.server = (secure === undefined ? createServer : createSecureServer)(options, (request, response) => {
      if (request.method === 'GET') return this.subscribe(request, response);
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (text) => { body += text; });
      request.on('end', () => this.post(request, body, response));
      return undefined;
    });
  }

  static async start(options) {
    const server = new SseServer(options);
    await new Promise((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    server.url = `${options?.secure === undefined ? 'http' : 'https'}://127.0.0.1:${server.server.address().port}`;
    return server;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  is(kind, count) { return this.fault.kind === kind && this.fault.at === count; }

  stream(path) {
    if (!this.streams.has(path)) this.streams.set(path, { responses: new Set(), events: 0, held: null, kept: [] });
    return this.streams.get(path);
  }

  subscribe(request, response) {
    this.subscribers++;
    if (this.is('turn-away', this.subscribers)) return response.writeHead(503).end();
    const [path, query] = request.url.split('?');
    const stream = this.stream(path);
    const every = Number(new URLSearchParams(query).get('every') ?? 1);
    if (every > 1) Object.assign(response, { every, left: 0, gaps: 0 });
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    if (request.headers['last-event-id'] !== undefined) this.resume(stream, response, Number(request.headers['last-event-id']));
    stream.responses.add(response);
    return response.on('close', () => stream.responses.delete(response));
  }

  // What was kept behind event `id`.
  resume(stream, response, id) {
    this.resumed = (this.resumed ?? 0) + 1;
    const from = this.is('remind', this.resumed) ? id - 1 : id;
    response.write(stream.kept.slice(from, this.is('forget', this.resumed) ? -1 : undefined).join(''));
  }

  post(request, body, response) {
    this.posts++;
    this.fields.push(request.headers['content-type']);
    if (this.is('refuse', this.posts)) return response.writeHead(500).end('out of\norder today');
    if (request.url === '/json') {
      const { stream, data } = JSON.parse(body);
      this.publish(`/${encodeURI(stream)}`, data);
    } else this.publish(request.url, body);
    if (this.answer === 'close') return response.writeHead(200, { Connection: 'close' }).end('bye');
    if (this.answer === 'chunked') {
      response.write('in ');
      return response.end('chunks');
    }
    return response.writeHead(this.answer).end();
  }

  // To all of the stream's subscribers; the fault is the first one's.
  publish(path, data) {
    const stream = this.stream(path);
    const number = ++stream.events;
    const event = `${this.stores ? `id: ${number}\n` : ''}data: ${data}\n\n`;
    if (this.stores) stream.kept.push(event);
    let isFirst = true;
    for (const response of stream.responses) {
      if (response.every > 1) {
        this.sendSome(response, event);
        continue;
      }
      this.send(stream, response, event, isFirst ? number : 0);
      isFirst = false;
    }
  }

  sendSome(response, event) {
    if (++response.left < response.every) return;
    const gap = `event: gap\ndata: {"from":1,"to":9,"reason":"lagged","count":${response.left - 1},"resume":9}\n\n`;
    response.gaps++;
    response.write((this.is('silence', response.gaps) ? '' : gap) + event);
    response.left = 0;
  }

  send(stream, response, event, number) {
    if (this.is('lose', number) || (this.fault.kind === 'lose-rest' && number >= this.fault.at)) return;
    if (this.is('cut', number)) response.destroy();
    else if (this.is('swap', number)) stream.held = event;
    else if (this.is('repeat', number)) response.write(event + event);
    else if (stream.held !== null && number > 0) {
      response.write(event + stream.held);
      stream.held = null;
    } else response.write(event);
  }
}

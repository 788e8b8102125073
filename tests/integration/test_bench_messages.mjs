// ringcast-bench against small servers that speak like Redis pub/sub and NATS core: subscribing, publishing, the check,
// and what such servers ask and refuse.
// timeout: 120
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Child, build, slowness, test, within } from './broker.mjs';

const bench = join(build, 'ringcast-bench');
const SUBSCRIBERS = 6;

// Takes commands out of bytes that come in any pieces. `parse` gives [command, rest], or null when one is not whole.
const feeder = (parse, take) => {
  let bytes = Buffer.alloc(0);
  return (piece) => {
    bytes = Buffer.concat([bytes, piece]);
    for (let found = parse(bytes); found !== null; found = parse(bytes)) {
      bytes = found[1];
      take(found[0]);
    }
  };
};

function lineOf(bytes) {
  const end = bytes.indexOf('\r\n');
  return end < 0 ? null : [bytes.toString('latin1', 0, end), bytes.subarray(end + 2)];
}

// What both have in common: sockets by channel, and a fault: { lose: N } drops the Nth message, { refuse: text } answers
// a subscription with an error.
class MessageServer {
  constructor(fault) {
    this.fault = fault;
    this.channels = new Map();
    this.messages = 0;
    this.pongs = 0;
    this.sockets = new Set();
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => {
        this.sockets.delete(socket);
        for (const members of this.channels.values()) members.delete(socket);
      });
      this.greet(socket);
    });
  }

  static async start(fault = {}) {
    const server = new this(fault);
    await new Promise((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    server.at = `127.0.0.1:${server.server.address().port}`;
    return server;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  subscribe(socket, channel) {
    if (!this.channels.has(channel)) this.channels.set(channel, new Set());
    this.channels.get(channel).add(socket);
  }

  publish(channel, frame) {
    const members = this.channels.get(channel) ?? new Set();
    if (++this.messages !== this.fault.lose) {
      for (const socket of members) socket.write(frame);
    }
    return members.size;
  }
}

class FakeRedis extends MessageServer {
  greet(socket) {
    socket.on('data', feeder(FakeRedis.parse, (words) => {
      const [name, channel, data] = words.map(String);
      if (name === 'SUBSCRIBE' && this.fault.refuse) {
        socket.write(`-${this.fault.refuse}\r\n`);
      } else if (name === 'SUBSCRIBE') {
        this.subscribe(socket, channel);
        socket.write(`*3\r\n$9\r\nsubscribe\r\n$${channel.length}\r\n${channel}\r\n:1\r\n`);
      } else {
        assert.equal(name, 'PUBLISH');
        const count = this.publish(channel, `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${data.length}\r\n${data}\r\n`);
        socket.write(this.fault.deny ? '-NOPERM not today\r\n' : `:${count}\r\n`);
      }
    }));
  }

  static parse(bytes) {
    const first = lineOf(bytes);
    if (first === null) return null;
    assert.match(first[0], /^\*\d+$/);
    const words = [];
    let rest = first[1];
    for (let left = Number(first[0].slice(1)); left > 0; left--) {
      const head = lineOf(rest);
      if (head === null) return null;
      const length = Number(/^\$(\d+)$/.exec(head[0])[1]);
      if (head[1].length < length + 2) return null;
      words.push(head[1].subarray(0, length));
      rest = head[1].subarray(length + 2);
    }
    return [words, rest];
  }
}

class FakeNats extends MessageServer {
  greet(socket) {
    socket.write('INFO {"server_id":"FAKE","version":"0","proto":1,"max_payload":1048576,"padding":"xxxxxxxxxxxxxxxxxxxxxxxx"} \r\n');
    socket.on('data', feeder(FakeNats.parse, ({ words: [name, subject], data }) => {
      if (name === 'PING') socket.write('PONG\r\n');
      if (name === 'PONG') this.pongs++;
      if (name === 'SUB' && this.fault.refuse) {
        socket.write(`-ERR '${this.fault.refuse}'\r\n`);
      } else if (name === 'SUB') {
        this.subscribe(socket, subject);
      } else if (name === 'PUB') {
        if (this.fault.deny) socket.write("-ERR 'Permissions Violation'\r\n");
        this.publish(subject, `MSG ${subject} 1 ${data.length}\r\n${data}\r\n${this.messages % 10 === 5 ? 'PING\r\n' : ''}`);
        if (this.messages % 10 === 5) socket.write('PING\r\n');
      }
    }));
  }

  static parse(bytes) {
    const line = lineOf(bytes);
    if (line === null) return null;
    const words = line[0].split(' ');
    if (words[0] !== 'PUB') return [{ words }, line[1]];
    const length = Number(words[2]);
    if (line[1].length < length + 2) return null;
    return [{ words, data: line[1].toString('latin1', 0, length) }, line[1].subarray(length + 2)];
  }
}

// Runs it against the server: { code, printed, errors }.
async function run(scheme, server, ...flags) {
  const args = ['fanout', '--url', `${scheme}://${server.at}`, '--publish', `${scheme}:${server.at}`, '--connections', SUBSCRIBERS,
    '--duration', '300ms', '--warmup', '50ms', '--settle', '20ms', ...flags].map(String);
  const printed = [];
  const child = new Child(bench, args, { errors: 'pipe', onLine: (line) => printed.push(line) });
  let errors = '';
  child.process.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const { code } = await within(args.join(' '), child.ended, 60_000 * slowness);
  return { code, printed: printed.join('\n'), errors };
}

async function speaks(scheme, Kind) {
  const server = await Kind.start();
  for (const flags of [['--streams', 3, '--size', 200], ['--rate', 300]]) {
    const { code, printed, errors } = await run(scheme, server, ...flags, '--json');
    assert.equal(code, 0, errors);
    const result = JSON.parse(printed);
    assert.ok(result.good && result.events > 0);
    if (result.streams === 1) assert.equal(result.deliveries, result.events * SUBSCRIBERS);
  }
  if (scheme === 'nats') assert.ok(server.pongs > SUBSCRIBERS, 'subscribers and publisher answer when they are asked');
  await server.stop();
}

async function fails(scheme, Kind, fault, told) {
  const server = await Kind.start(fault);
  const { code, printed } = await run(scheme, server, '--rate', 300);
  assert.equal(code, 1, printed);
  assert.match(printed, told);
  await server.stop();
}

test(async ({ say }) => {
  for (const [scheme, Kind] of [['redis', FakeRedis], ['nats', FakeNats]]) {
    await speaks(scheme, Kind);
    await fails(scheme, Kind, { lose: 30 }, /6 lost, 0 repeated.*\n.*got event 31 when 30 was due/);
    await fails(scheme, Kind, { refuse: 'too many clients' }, /subscribers failed.*\n.*the server said: '?too many clients/);
    await fails(scheme, Kind, { deny: true }, /publishing: the server (answered|said) '-(NOPERM|ERR 'Permissions)/);
    say(`${scheme} is spoken, and its faults are found`);
    const server = await Kind.start();
    server.greet = (socket) => socket.write('220 mail.example ESMTP\r\n');
    const { code, printed } = await run(scheme, server);
    assert.equal(code, 1, printed);
    assert.match(printed, new RegExp(`none of ${scheme}://`));
    await server.stop();
  }
});

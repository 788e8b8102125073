// A slow and lossy path between network namespaces that this test makes: what the broker says of it is what `ss` says
// there, the rules hold and let go again, and the stream stays whole (mission E4; issue 4). Needs root, tbf and nftables.
// timeout: 240
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Broker, Child, EventReader, Publisher, sleep, test, until } from './broker.mjs';

const KBITS = 64;
const LOSS_PERCENT = 3;
const BYTES = 300; // of an event
const LOOKS = 20;
const SERVER = '10.77.1.1';
// The usual ones, but for the rate: they would empty the path that they speak of.
const RULES = ['latency > 200ms: compression on, priority 30', 'throughput < 1Mbit/s: batch_size 20, priority 20',
  'score < 0.3: max_event_size 8KiB, compression on, batch_size 50, batch_timeout 500ms, priority 10'];
const spaces = ['server', 'router', 'client'].map((name) => `rc-${process.pid}-${name}`);
const [server, router, client] = spaces;

const loss = `table ip loss { chain forward { type filter hook forward priority 0;
  ip saddr ${SERVER} numgen random mod 100 < ${LOSS_PERCENT} drop; }; }`;

function run(...command) {
  const result = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  return { isGood: result.status === 0, text: result.stdout ?? '', errors: result.stderr ?? String(result.error) };
}

function must(line) {
  const result = run(...line.split(' '));
  assert.ok(result.isGood, `${line}: ${result.errors}`);
}

const within = (namespace, ...command) => run('ip', 'netns', 'exec', namespace, ...command);

// The first thing that cannot be done here, or null.
function whatIsMissing() {
  if (process.getuid() !== 0) return 'not root';
  for (const name of spaces) if (!run('ip', 'netns', 'add', name).isGood) return 'network namespaces cannot be made';
  must(`ip link add s0 netns ${server} type veth peer name s1 netns ${router}`);
  must(`ip link add c0 netns ${client} type veth peer name c1 netns ${router}`);
  const ends = [[server, 's0', '10.77.1.1'], [router, 's1', '10.77.1.2'], [router, 'c1', '10.77.2.2'], [client, 'c0', '10.77.2.1']];
  for (const [name, device, address] of ends) {
    must(`ip -n ${name} addr add ${address}/24 dev ${device}`);
    must(`ip -n ${name} link set ${device} mtu 576 up`); // a segment takes 70 ms then, not 190
  }
  must(`ip -n ${server} link set lo up`);
  must(`ip -n ${server} route add default via 10.77.1.2`);
  must(`ip -n ${client} route add default via 10.77.2.2`);
  must(`ip netns exec ${router} sysctl -qw net.ipv4.ip_forward=1`);
  const shaping = ['tc', 'qdisc', 'add', 'dev', 'c1', 'root', 'tbf', 'rate', `${KBITS}kbit`, 'burst', '700', 'latency', '600ms'];
  if (!within(router, ...shaping).isGood) return 'no tbf in this kernel';
  if (!within(router, 'nft', '--check', loss).isGood) return 'no nftables, or not with numgen';
  return null;
}

process.on('exit', () => {
  for (const name of spaces) run('ip', 'netns', 'del', name);
});

// curl in a namespace, since a process has one.
class Reader {
  constructor(namespace, broker, target) {
    this.events = [];
    const reader = new EventReader((event) => (event.data === null ? undefined : this.events.push(event)));
    const command = ['netns', 'exec', namespace, 'curl', '-sSN', `${broker.url}${target}`];
    this.child = new Child('ip', command, { onLine: (line) => reader.push(`${line}\n`) });
  }

  numbers() { return this.events.map((event) => Number.parseInt(event.data, 10)); }

  has(count) { return until(`${count} events (has ${this.events.length})`, () => this.events.length >= count, 60_000); }
}

async function connections(broker) {
  const answer = await broker.ask({ op: 'connections' });
  return answer.connections.map((connection) => ({ ...connection, path: connection.streams[0] }));
}

// The kernel's word on the connection with this address, by way of `ss`.
function socketOf(broker, address) {
  const lines = within(server, 'ss', '-tinOH', `sport = :${broker.port}`).text.split('\n');
  const line = lines.find((text) => text.includes(` ${address} `));
  assert.ok(line, `ss knows nothing of ${address}: ${lines.join('\n')}`);
  const number = (pattern) => Number(pattern.exec(line)?.[1] ?? 0);
  return {
    round_trip_us: number(/ rtt:([\d.]+)/) * 1000,
    jitter_us: number(/ rtt:[\d.]+\/([\d.]+)/) * 1000,
    segments_sent: number(/ data_segs_out:(\d+)/),
    segments_repeated: number(/ retrans:\d+\/(\d+)/),
    bytes_per_second: number(/ delivery_rate (\d+)bps/) / 8,
  };
}

const KEYS = ['round_trip_us', 'jitter_us', 'segments_sent', 'segments_repeated', 'bytes_per_second'];

// Whether all that the broker says is within 20 % of what lies between two readings by ss.
function agree(keys, said, before, after) {
  return keys.every((key) => said[key] >= 0.8 * Math.min(before[key], after[key]) &&
    said[key] <= 1.2 * Math.max(before[key], after[key]));
}

const figures = (values) => KEYS.map((key) => `${key} ${Math.round(values[key])}`).join(', ');

test(async ({ say }) => {
  const missing = whatIsMissing();
  if (missing !== null) return console.log(`skipped: ${missing}`);
  const flags = ['--workers', '1', '--link-interval', '100ms', ...RULES.flatMap((rule) => ['--rule', rule])];
  const broker = await Broker.start({ host: SERVER, launcher: ['ip', 'netns', 'exec', server], flags });
  const publisher = new Publisher(broker, 'net/1', { bytes: BYTES });
  const [api, near] = [new Reader(client, broker, '/streams/net/1?client=api&heartbeat=off'),
    new Reader(server, broker, '/streams/net/1?heartbeat=off')];
  const find = async () => {
    const all = await connections(broker);
    return { far: all.find((one) => one.address.startsWith('10.77.2.')), close: all.find((one) => one.address.startsWith('10.77.1.')) };
  };
  await until('both have begun', async () => Object.values(await find()).every((one) => one?.link));
  await sleep(500); // looked at once more
  if ((await find()).far.link.round_trip_us === null) return console.log('skipped: needs Linux 6.8');
  assert.deepEqual((await find()).far.capabilities, ['compression'], 'an api client has no batches');

  // More than the path takes, all the while.
  let published = 0;
  const publish = async (count) => {
    await publisher.publish(count);
    published += count;
  };
  const fill = async () => {
    if (published - api.events.length < 100) await publish(20);
  };
  await until('every rule holds', async () => {
    await fill();
    return (await find()).far.link.rules.length === RULES.length;
  }, 60_000);
  const { far: bad, close } = await find();
  say(`with ${published} events: ${JSON.stringify(bad.link)}`);
  assert.deepEqual(bad.link.rules, [...RULES].reverse(), 'by their priorities');
  assert.ok(bad.capabilities.includes('batching'), 'the rules gave it batches');
  assert.deepEqual(close.link.rules, [], 'a good path has no rules');
  assert.deepEqual(close.capabilities, []);

  // While it is in motion: the broker's look lies between two by ss, at first without and then with loss.
  const compare = async (keys) => {
    const looks = [];
    while (looks.length < LOOKS) {
      await fill();
      const began = Date.now();
      const before = socketOf(broker, bad.address);
      const said = await until('a look after that', async () => {
        const { link } = (await find()).far;
        return link.looked_ms_ago < Date.now() - began && link;
      });
      const after = socketOf(broker, bad.address);
      looks.push({ said, isGood: agree(keys, said, before, after) });
      say(`the broker: ${figures(said)}; ss: ${figures(before)}, then ${figures(after)}`);
    }
    const good = looks.filter((look) => look.isGood).length;
    say(`the broker says what ss says in ${good} of ${LOOKS} looks`);
    assert.ok(good >= 0.75 * LOOKS, `as ss has it in ${good} of ${LOOKS} looks`);
    return looks;
  };
  const speeds = (await compare(KEYS)).map((look) => look.said.bytes_per_second).sort((one, other) => one - other);
  const median = speeds[LOOKS / 2];
  assert.ok(Math.abs(median / (KBITS * 125) - 1) < 0.2, `${median} bytes a second over a path of ${KBITS} kbit/s`);
  assert.ok(within(router, 'nft', loss).isGood);
  await compare(KEYS.filter((key) => key !== 'bytes_per_second')); // which jumps then, and is smoothed

  // What is too large for such a path is told of, and goes whole to the others.
  const large = { stream: 'net/1', data: '.'.repeat(10_000) };
  const place = published;
  const { id } = await broker.ask(large);
  published++;
  await near.has(published);
  await api.has(published);
  assert.equal(near.events.at(-1).data, large.data);
  assert.deepEqual([api.events.at(-1).type, api.events.at(-1).id], ['oversize', id]);
  assert.equal(JSON.parse(api.events.at(-1).data).size, large.data.length);
  const { far } = await find();
  await until('the broker says what ss says', async () => {
    const socket = socketOf(broker, far.address);
    const said = (await find()).far.link;
    if (!agree(KEYS, said, socket, socket)) return false;
    say(`the broker: ${figures(said)}`);
    say(`ss:         ${figures(socket)}`);
    return true;
  });
  assert.ok((await find()).far.link.segments_repeated > 0, 'something was lost on the way');

  // The path is good again.
  assert.ok(within(router, 'nft', 'flush', 'ruleset').isGood);
  assert.ok(within(router, 'tc', 'qdisc', 'del', 'dev', 'c1', 'root').isGood);
  await until('no rule holds', async () => {
    await publish(1);
    await sleep(20);
    return (await find()).far.link.rules.length === 0;
  }, 60_000);
  assert.deepEqual((await find()).far.capabilities, ['compression'], 'as it was chosen');
  say(`after ${published} events: ${JSON.stringify((await find()).far.link)}`);
  for (const reader of [near, api]) {
    await reader.has(published);
    reader.events.splice(place, 1); // the large one: it is not the publisher's
    assert.ok(reader.numbers().every((number, i) => number === i + 1), 'every event once, in order');
  }
  await broker.stop();
});

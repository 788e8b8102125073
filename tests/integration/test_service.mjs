// As a service: what the service manager is told and when, the watchdog, the sockets that it hands in, --user.
// timeout: 120
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, Lines, binary, build, scratch, slowness, test, until, within } from './broker.mjs';

const WATCHDOG_MS = 400 * slowness;

// A broker under tests/integration/manager.c.
class Service {
  constructor(name, { manager = [], flags = ['--listen', '127.0.0.1:0', '--admin-listen', 'none'] } = {}) {
    this.directory = join(scratch, name);
    mkdirSync(this.directory, { recursive: true });
    this.told = [];
    this.ports = {};
    this.said = [];
    this.socket = join(this.directory, 'run', 'sock');
    this.child = new Child(join(build, 'integration', 'manager'), [...manager, binary, 'serve',
      '--socket', this.socket, '--data-dir', join(this.directory, 'data'), '--workers', '2', ...flags], {
      onLine: (line) => {
        const [kind, ...rest] = line.split(' ');
        if (kind === 'told') this.told.push(rest.join(' '));
        else if (kind === 'port') this.ports[rest[0]] = Number(rest[1]);
        else this.said.push(line);
      },
    });
  }

  ready() {
    return until('the manager is told that it is ready', () => this.said[0] && this.told.some((text) => text.startsWith('READY=1|')));
  }

  // The broker's own process.
  get pid() {
    return Number(readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').trim());
  }

  status(field) {
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1].split(/\s+/);
  }

  async stop() {
    assert.deepEqual(await this.child.end('SIGTERM'), { code: 0, signal: null });
  }
}

test(async ({ say }) => {
  const config = join(scratch, 'ringcast.toml');
  writeFileSync(config, '[server]\nlisten = ["127.0.0.1:0"]\nadmin_listen = ["none"]\n');
  const plain = new Service('plain', { flags: ['--config', config] });
  await plain.ready();
  assert.match(plain.told.at(-1), /^READY=1\|STATUS=listening on http:\/\/127\.0\.0\.1:\d+, producers at /);
  assert.doesNotMatch(plain.told.join(), /WATCHDOG/);
  assert.deepEqual(plain.status('NoNewPrivs'), ['1']);
  const environment = readFileSync(`/proc/${plain.pid}/environ`, 'utf8');
  assert.match(environment, /NOTIFY_SOCKET/, 'it was told by the environment');
  plain.child.process.kill('SIGHUP');
  await until('a reload is told, and its end', () => plain.told.filter((text) => text.startsWith('READY=1|')).length === 2);
  assert.match(plain.told.at(-2), /^RELOADING=1\|MONOTONIC_USEC=\d+$/);
  await plain.stop();
  assert.match(plain.told.at(-1), /^STOPPING=1\|STATUS=/);
  say('ready, reloading and stopping are told');

  const watched = new Service('watched', { manager: ['--watchdog', String(WATCHDOG_MS)] });
  await watched.ready();
  const alive = () => watched.told.filter((text) => text === 'WATCHDOG=1').length;
  await until('the watchdog is told again and again', () => alive() >= 5);
  await watched.stop();
  say('the watchdog is fed');

  const killed = new Service('killed');
  await killed.ready();
  const lines = await Lines.connect(killed.socket);
  await lines.ask({ stream: 'a', data: 'hi', ref: 1 });
  lines.close();
  process.kill(killed.pid, 'SIGKILL');
  await within('its end', killed.child.ended);
  const again = new Service('killed');
  await again.ready();
  assert.match(again.told[0], /^EXTEND_TIMEOUT_USEC=30000000\|STATUS=/, 'recovery gets on');
  await again.stop();
  say('recovery asks for time');

  const path = join(scratch, 'producers');
  const handed = new Service('handed', {
    manager: ['--tcp', 'public', '--tcp', 'admin', '--unix', `producers=${path}`],
    flags: ['--listen', '127.0.0.1:1', '--admin-listen', '127.0.0.1:1'], // which it does not open
  });
  await handed.ready();
  const status = async (port) => (await fetch(`http://127.0.0.1:${handed.ports[port]}/healthz`)).status;
  assert.equal(await status('public'), 200);
  assert.equal(await status('admin'), 200);
  const producer = await Lines.connect(path);
  assert.deepEqual(await producer.ask({ stream: 'a', data: 'hi', ref: 1 }), { ref: 1, id: 1, sequence: 1 });
  producer.close();
  await handed.stop();
  assert.ok(statSync(path).isSocket(), 'what was handed in is not removed');
  say('sockets that are handed in take the place of those configured');

  if (process.getuid() !== 0) return;
  chmodSync(scratch, 0o755);
  const as = new Service('user', { flags: ['--listen', '127.0.0.1:0', '--admin-listen', 'none', '--user', 'nobody'] });
  await as.ready();
  const [uid] = as.status('Uid');
  assert.notEqual(uid, '0');
  assert.deepEqual(as.status('Uid'), [uid, uid, uid, uid]);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(as.status(set)[0], /^0+$/, set);
  assert.equal(String(statSync(join(as.directory, 'data')).uid), uid, 'the data directory is the user’s');
  await as.stop();
  say('it becomes the user, and keeps nothing');
});

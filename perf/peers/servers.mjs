// The servers that are compared: how each is started at its best documented setting, on a port of its own and with
// everything that it writes in a scratch directory, and what ringcast-bench must be told to load it.
import { spawn, execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 10_000;
const BACKLOG = 4096;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
export const build = process.env.RINGCAST_BUILD ?? join(root, 'build');
export const bench = join(build, 'ringcast-bench');
const ringcast = process.env.RINGCAST_BIN ?? join(build, 'ringcast');
const npm = process.env.RC_PEERS_NPM ?? join(build, 'peers-npm');
const cores = availableParallelism();

// The path of a Unix socket is short; the scratch directory's may not be.
const socket = join(tmpdir(), `ringcast-peers.${process.pid}.socket`);

// Room for connections that are gone while the server has not noticed yet; within the limit of open files.
const clientsMax = (connections) => Math.min(2 * connections + 64, fileLimit() - 64);

const running = new Set();

export async function stopAll() {
  await Promise.all([...running].map((server) => server.stop()));
  rmSync(socket, { force: true });
}

export function fileLimit() {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// A process that was started here, with its output in a log of the scratch directory.
class Server {
  constructor(command, args, log) {
    this.log = log;
    const output = openSync(log, 'w');
    this.process = spawn(command, args, { stdio: ['ignore', output, output] });
    closeSync(output);
    this.ended = new Promise((resolve) => {
      this.process.on('error', (error) => { this.trouble = error.message; resolve(); });
      this.process.on('exit', (code, signal) => { this.trouble = `ended (${signal ?? code})`; resolve(); });
    });
    running.add(this);
  }

  // Until `condition` gives something.
  async wait(condition) {
    const end = Date.now() + START_MS_MAX;
    while (this.trouble === undefined && Date.now() < end) {
      const value = await condition();
      if (value) return value;
      await sleep(20);
    }
    const said = readFileSync(this.log, 'utf8').trim().split('\n').slice(-5).join('\n');
    throw new Error(`${this.process.spawnfile} does not start: ${this.trouble ?? 'no answer'}\n${said}`);
  }

  async stop() {
    running.delete(this);
    if (this.trouble !== undefined) return;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS_MAX);
    await this.ended;
    clearTimeout(timer);
  }
}

// Every start takes where to write, how many connections to be ready for, and the variant; it gives the arguments of
// ringcast-bench and the server; `post`, if it is in the comparison of POSTs, is where to (null: the bare server's).

async function startRingcast({ directory }) {
  const server = new Server(ringcast, ['serve', '--listen', '127.0.0.1:0', '--admin-listen', 'none',
    '--socket', socket, '--data-dir', join(directory, 'data'), '--workers', String(cores), '--anonymous', 'all'], join(directory, 'log'));
  const url = await server.wait(() => existsSync(socket) && /http:\/\/127\.0\.0\.1:\d+/.exec(readFileSync(server.log, 'utf8'))?.[0]);
  return { server, args: ['fanout', '--url', url, '--publish', `unix:${socket}`], post: url };
}

async function startFloor() {
  // ringcast-bench starts and stops it with each run.
  return { args: ['floor', '--workers', String(cores)], paced: ['--coalesce', '1'], fast: ['--coalesce', '16'], post: null };
}

const nginxConfiguration = (directory, port, connections, workers) => `load_module modules/ngx_nchan_module.so;
${userInfo().uid === 0 ? `user ${userInfo().username};` : ''}
daemon off;
worker_processes ${workers};
worker_rlimit_nofile ${connections + 1024};
pid ${directory}/pid;
error_log ${directory}/log warn;
events { worker_connections ${Math.max(16384, connections + 1024)}; multi_accept on; use epoll; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 256m;
  server {
    listen 127.0.0.1:${port} reuseport backlog=${BACKLOG};
    location ~ ^/pub/(.+)$ {
      nchan_publisher http; nchan_channel_id $1;
      # More than are ever on their way: a slower subscriber finds what it has not had yet.
      nchan_message_buffer_length 4096; nchan_message_timeout 5m;
    }
    location ~ ^/sub/(.+)$ {
      nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest;
    }
  }
}
`;

async function startNchan({ directory, connections, variant }) {
  const port = await freePort();
  const configuration = join(directory, 'nginx.conf');
  const workers = variant === '1 worker' ? 1 : cores;
  writeFileSync(configuration, nginxConfiguration(directory, port, connections, workers));
  const server = new Server('nginx', ['-e', join(directory, 'log'), '-c', configuration], join(directory, 'output'));
  await server.wait(() => answers(port));
  const at = `http://127.0.0.1:${port}`;
  return {
    server,
    args: ['fanout', '--url', `${at}/sub/{stream}`, '--publish', `${at}/pub/{stream}`, '--publish-pipeline', '1024'],
    post: `${at}/pub/{stream}`,
  };
}

async function startBetterSse({ directory, variant }) {
  const port = await freePort();
  const program = join(here, 'better_sse.mjs');
  const server = new Server(process.execPath, [program, npm, String(port), variant], join(directory, 'log'));
  await server.wait(() => answers(port));
  const at = `http://127.0.0.1:${port}/{stream}`;
  return { server, args: ['fanout', '--url', at, '--publish', at, '--publish-pipeline', '1024'] };
}

async function startRedis({ directory, connections, variant }) {
  const port = await freePort();
  const threads = /^(\d+) I\/O/.exec(variant)?.[1] ?? '1';
  // Protected mode refuses clients from other addresses than 127.0.0.1, which many connections need; it listens to
  // loopback alone.
  const server = new Server('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'no', '--save', '',
    '--appendonly', 'no', '--maxclients', String(clientsMax(connections)), '--tcp-backlog', String(BACKLOG), '--dir', directory,
    '--io-threads', threads], join(directory, 'log'));
  await server.wait(() => answers(port));
  return { server, args: ['fanout', '--url', `redis://127.0.0.1:${port}`, '--publish', `redis:127.0.0.1:${port}`] };
}

async function startNats({ directory, connections }) {
  const port = await freePort();
  const configuration = join(directory, 'nats.conf');
  writeFileSync(configuration, `host: 127.0.0.1\nport: ${port}\nmax_connections: ${clientsMax(connections)}\n`);
  const server = new Server('nats-server', ['-c', configuration], join(directory, 'log'));
  await server.wait(() => answers(port));
  return { server, args: ['fanout', '--url', `nats://127.0.0.1:${port}`, '--publish', `nats:127.0.0.1:${port}`] };
}

function versionOf(command, args, pattern) {
  try {
    // nginx says it on standard error.
    const said = execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', command, ...args], { encoding: 'utf8' });
    return pattern.exec(said)?.[1] ?? '';
  } catch {
    return '';
  }
}

const debianVersion = (name) => versionOf('dpkg-query', ['-W', '-f=${Version}', name], /(?:\d+:)?([\d.]+)/);

// Variants are settings of which it is not known beforehand which one is better on this machine: both run, the
// better one counts. Redis advises against I/O threads with fewer than 4 cores. What is said of slow subscribers was
// seen with one that did not read while 20,000 events of 8 kB were published, and is what ringcast's tests check.
export const SERVERS = [
  { name: 'ringcast', start: startRingcast, variants: [''], version: () => versionOf(ringcast, ['--version'], /(\d[\d.]*)/),
    speaks: 'SSE', keeps: 'is in the log on disk before it is acknowledged (here: written); resumed behind the last id',
    slow: 'reads on from the log; told of a gap where that has gone' },
  { name: 'floor', title: 'bare server', start: startFloor, variants: [''], version: () => '',
    speaks: 'SSE', keeps: 'is sent once, not kept', slow: 'holds up all others' },
  { name: 'nchan', title: 'nginx + Nchan', start: startNchan, variants: cores > 1 ? ['1 worker', `${cores} workers`] : ['1 worker'],
    version: () => `${versionOf('nginx', ['-v'], /nginx\/([\d.]+)/)} + ${debianVersion('libnginx-mod-nchan')}`,
    speaks: 'SSE', keeps: 'stays in shared memory, here the last 4,096 for 5 minutes; resumed behind the last id',
    slow: 'its events wait in memory (230 MiB); a bound was not met' },
  { name: 'better-sse', start: startBetterSse, variants: ['broadcast', 'buffer'],
    version: () => JSON.parse(readFileSync(join(npm, 'node_modules/better-sse/package.json'), 'utf8')).version,
    speaks: 'SSE', keeps: 'is sent once, not kept: history is left to the application',
    slow: 'its events wait in memory (200 MiB); a bound was not met' },
  { name: 'redis', title: 'Redis pub/sub', start: startRedis, variants: cores >= 4 ? ['', `${cores - 1} I/O threads`] : [''],
    version: () => versionOf('redis-server', ['--version'], /v=([\d.]+)/),
    speaks: 'RESP over TCP', keeps: 'is sent once, not kept',
    slow: 'is cut off once 32 MB wait for it, and is not told what it missed' },
  { name: 'nats', title: 'NATS core', start: startNats, variants: [''],
    version: () => versionOf('nats-server', ['--version'], /v([\d.]+)/),
    speaks: 'NATS over TCP', keeps: 'is sent once, not kept',
    slow: 'is cut off when it takes nothing for 10 s, and is not told what it missed' },
].map((server) => ({ title: server.name, ...server }));

// Starts one variant. `args` are for any load; `paced` and `fast` for one.
export async function start(entry, variant, connections, scratch) {
  const directory = join(scratch, `${entry.name}-${entry.variants.indexOf(variant)}-${connections}`);
  mkdirSync(directory, { recursive: true });
  const { server, args, paced = [], fast = [], post } = await entry.start({ directory, connections, variant });
  const pid = server === undefined ? [] : ['--pid', String(server.process.pid)];
  const postArgs = post === null ? ['ingest', '--bare', '--workers', String(cores)] : ['ingest', '--publish', post, ...pid];
  return { entry, variant, paced: [...args, ...pid, ...paced], fast: [...args, ...pid, ...fast], post: postArgs };
}

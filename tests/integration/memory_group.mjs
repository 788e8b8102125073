// A control group with a limit of memory, to start a broker in: below the one that the test runs in, so that it stays
// within that one's limits, and without changing any other. cgroup v1 or v2, whichever has the memory controller there.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const hierarchies = [
  { type: 'cgroup', line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m, option: /\bmemory\b/, limit: 'memory.limit_in_bytes' },
  { type: 'cgroup2', line: /^0::(.*)$/m, option: /(?:)/, limit: 'memory.max' },
];

// Where the process's own group stands, or null.
function ownGroup({ type, line, option }) {
  const path = line.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((text) => text.split(' '));
  const mount = mounts.find((words) => {
    const rest = words.slice(words.indexOf('-'));
    return rest[1] === type && option.test(rest[3]);
  });
  if (path === undefined || mount === undefined) return null;
  const [, , , root, place] = mount;
  if (root === '/') return join(place, path);
  return path.startsWith(root) ? join(place, path.slice(root.length)) : place;
}

function make(hierarchy, bytes) {
  const own = ownGroup(hierarchy);
  if (own === null) return null;
  const folder = join(own, `ringcast-test-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  try {
    if (existsSync(join(folder, hierarchy.limit))) {
      writeFileSync(join(folder, hierarchy.limit), String(bytes));
      return folder;
    }
  } catch { /* it is not ours to set */ }
  rmdirSync(folder);
  return null;
}

// Null where none can be made. `launcher` goes before a command, which then runs in the group; `remove` waits for the
// end of what ran in it.
export function openMemoryGroup(bytes) {
  for (const hierarchy of hierarchies) {
    const folder = make(hierarchy, bytes);
    if (folder === null) continue;
    const remove = () => {
      for (let i = 0; i < 100 && existsSync(folder); i++) {
        try {
          rmdirSync(folder);
        } catch {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); // the processes are still on their way out
        }
      }
    };
    process.on('exit', remove);
    return {
      kind: hierarchy.type,
      launcher: ['/bin/sh', '-c', `echo $$ >${folder}/cgroup.procs && exec "$@"`, 'launch'],
      remove,
    };
  }
  return null;
}

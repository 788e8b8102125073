// The command line of perf/peers/peers.sh.
import { parseArgs } from 'node:util';

const HELP = `usage: perf/peers/peers.sh [OPTIONS]      (make bench-peers PEERS="OPTIONS")

Runs ringcast, a bare server that does nothing but send(), and ringcast's rivals in turns through ringcast-bench: one
stream, events of 64 and of 200 bytes, as fast as each server goes without loss and at a pace that all keep up with.
Prints a table, and writes build/peers.html (the same with bars) and build/peers.json (every run). perf/README.md says
what is compared. With the defaults it takes some 20 minutes on 2 cores.

  --peers LIST        of nchan, better-sse, redis, nats; all of them. ringcast and the floor always run
  --connections LIST  subscribers; 1000,10000
  --sizes LIST        bytes of an event; 64,200
  --rounds N          of which the medians are taken; 5
  --time MS           how long a measurement takes; 1500
  --quick             2 rounds of 600 ms
  --help
`;

export class UsageError extends Error {}

function numbers(text, name, minimum, maximum) {
  return text.split(',').map((word) => {
    const number = Number(word);
    if (!/^\d+$/.test(word) || number < minimum || number > maximum) {
      throw new UsageError(`--${name}: '${word}' is no number from ${minimum} to ${maximum}`);
    }
    return number;
  });
}

// `known` are the names that --peers may have. Returns null when help was asked for and given.
export function readOptions(argv, known) {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        peers: { type: 'string', default: known.join(',') },
        connections: { type: 'string', default: '1000,10000' },
        sizes: { type: 'string', default: '64,200' },
        rounds: { type: 'string' },
        time: { type: 'string' },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (values.help) {
    process.stdout.write(HELP);
    return null;
  }
  const peers = values.peers.split(',').filter((name) => name !== '');
  const unknown = peers.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`--peers: there is no '${unknown}', but ${known.join(', ')}`);
  return {
    peers,
    connections: numbers(values.connections, 'connections', 1, 1_000_000),
    sizes: numbers(values.sizes, 'sizes', 45, 1 << 20),
    rounds: numbers(values.rounds ?? (values.quick ? '2' : '5'), 'rounds', 1, 1000)[0],
    timeMs: numbers(values.time ?? (values.quick ? '600' : '1500'), 'time', 100, 600_000)[0],
  };
}

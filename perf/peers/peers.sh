#!/bin/bash
# ringcast beside its rivals, in one interleaved run:  perf/peers/peers.sh [--help]   (make bench-peers)
# Publishing over HTTP beside nginx with Nchan:        perf/peers/peers.sh post [--rounds 5] [--time 2000] [--sizes 64,200]
# Installs those that are missing, raises the limit of open files, and leaves the rest to peers.mjs.
set -eu
cd "$(dirname "$0")/../.."

build=${RINGCAST_BUILD:-$PWD/build}
export RC_PEERS_NPM=$build/peers-npm
case " $* " in
  *" --help "* | *" -h "*) ;;
  *)
    if [ ! -x "$build/ringcast" ] || [ ! -x "$build/ringcast-bench" ]; then
      echo "peers: not built yet: make bench-peers" >&2
      exit 2
    fi
    perf/peers/install.sh "$RC_PEERS_NPM" >&2
    ;;
esac
ulimit -n "$(ulimit -Hn)"
program=peers
if [ "${1:-}" = post ]; then
  program=post
  shift
fi
exec node "perf/peers/$program.mjs" "$@"

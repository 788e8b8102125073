#!/bin/bash
# ringcast beside its rivals, in one interleaved run:  perf/peers/peers.sh [--help]   (make bench-peers)
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
exec node perf/peers/peers.mjs "$@"

#!/bin/bash
# make run: the broker with its data under the build directory, and a demo producer that publishes
# this machine's readings to system/*. Ctrl-C ends both. RINGCAST_LISTEN names another address.
# shellcheck disable=SC2317 # the traps call the functions
set -u
cd "$(dirname "$0")/.." || exit 1

build=${BUILD:-build}
ringcast=$build/ringcast
listen=${RINGCAST_LISTEN:-127.0.0.1:8080}
export RINGCAST_ADMIN_LISTEN=${RINGCAST_ADMIN_LISTEN:-127.0.0.1:0} # beside one that is installed here
directory=$build/run
socket=$directory/ringcast.sock
broker=
producer=

# Waits for a process for up to 12 s (the broker ends within 10), then kills it. SIGINT came to the
# whole terminal, so that both may be gone already.
end_process() {
  local pid=$1
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2>/dev/null
  for _ in {1..120}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null && echo "run: killed process $pid, which did not end by itself" >&2
  wait "$pid" 2>/dev/null
}
end_both() {
  trap '' INT TERM
  end_process "$producer"
  end_process "$broker"
}
trap end_both EXIT
trap 'exit 0' INT TERM HUP

# The broker and the producer inherit the lock, so that it lasts as long as one of the three.
mkdir -p "$directory/data"
exec 9>"$directory/lock"
if ! flock -n 9; then
  echo "run: make run is running already, with its data in $directory" >&2
  exit 1
fi
"$ringcast" serve --listen "$listen" --socket "$socket" --data-dir "$directory/data" &
broker=$!
ready=false
for _ in {1..100}; do
  kill -0 "$broker" 2>/dev/null || break
  if timeout 2 "$ringcast" status --socket "$socket" >/dev/null 2>&1; then
    ready=true
    break
  fi
  sleep 0.1
done
if ! $ready; then
  if kill -0 "$broker" 2>/dev/null; then
    echo "run: the broker did not answer within 10 s" >&2
  fi
  exit 1
fi

"$ringcast" vitals --socket "$socket" &
producer=$!

cat <<END

  curl -N http://$listen/streams/system/cpu      events in the shell
  http://$listen/                                the same in a browser
  $ringcast publish --socket $socket demo/hello 'hi'

Ctrl-C ends the broker and the demo producer.

END

# Ends when one of the two does: with a broker alone nothing would be shown.
wait -n "$broker" "$producer"
echo "run: one of the two ended, ending the other" >&2
exit 1

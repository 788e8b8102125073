#!/bin/bash
# Kernels that lack newer features of io_uring: the broker is told that it has them not, alone and all together, and
# does all the same (architecture, "io_uring, as measured").
# timeout: 120
# shellcheck disable=SC1091,SC2154 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

number=0
for without in single-issuer defer-taskrun taskrun-flag msg-ring send-fd socket-command fixed-fd-install newer-than-6.1 \
  single-issuer,defer-taskrun,taskrun-flag,newer-than-6.1; do
  broker_start --kernel-without "$without" --heartbeat-interval 100ms --retry 1s
  # From both workers to both, several times, so that all of them sleep and are woken.
  for name in one two three four; do stream_open "$name" '/streams/kernel'; done
  for _ in 1 2 3; do
    publish "{\"stream\":\"kernel\",\"data\":\"event $((++number))\",\"ack\":\"synced\"}"
    for name in one two three four; do
      stream_wait "$name" "data: event $number"
      equal "$(status_of "$name")" 200 "without $without"
    done
  done
  stream_open replay '/events?stream=kernel&from=earliest'
  stream_wait replay "\"data\":\"event $number\""
  equal "$(grep -c '^data:' "$RC_TMP/replay.body")" "$number" "the log without $without"
  stream_wait one $'\n:\n'
  broker_stop
  for name in one two three four replay; do
    patiently is_gone "${stream_pids[$name]}" || fail "without $without: a connection does not end"
  done
  stream_wait four ': going away'
done
RAN=0
timeout 20 "$RINGCAST_BIN" serve --kernel-without everything >"$RC_TMP/out" 2>&1 || RAN=$?
equal "$RAN" 2 "a feature that is none"

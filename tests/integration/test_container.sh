#!/bin/bash
# Where a sandbox refuses io_uring the broker says so, and what to do, in one line.
# timeout: 60
set -eu
cd "$RC_TMP"

for error in EPERM ENOSYS; do
  for call in all setup register enter; do
    status=0
    "$RINGCAST_BUILD/integration/forbid" $error $call "$RINGCAST_BIN" serve --listen 127.0.0.1:0 \
      --admin-listen none --socket "$RC_TMP/sock" --data-dir "$RC_TMP/data" >out 2>told || status=$?
    echo "$error for $call: $(cat told)"
    [ "$status" = 1 ] || { echo "status $status" >&2; exit 1; }
    [ ! -s out ]
    [ "$(wc -l <told)" = 1 ]
    grep -q 'io_uring.*seccomp' told
  done
done

# The sample profile allows what is needed of it.
for name in io_uring_setup io_uring_enter io_uring_register; do
  jq -e --arg name $name '[.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]] | index($name)' \
    "$RINGCAST_ROOT/scripts/container/seccomp.json" >/dev/null
done

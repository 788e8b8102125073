#!/bin/bash
# What make test-deb tries of the installed service, run by systemd in the clean root. Ends with "all is
# well".
set -eu
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND"; journalctl --no-pager -u "ringcast*" | tail -n 40' ERR

step() { echo "$*"; }
state() { systemctl show -p "$1" --value ringcast.service; }
ask() { # PORT PATH: the status that it is answered with
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
  head -n 1 <&3 | cut -d ' ' -f 2
  exec 3>&-
}
events() { # COUNT [FLAGS...]: so many from the beginning
  local count=$1
  shift
  timeout 20 ringcast subscribe --from earliest --count "$count" "$@" demo/one
}

step "it runs"
systemctl is-active --quiet ringcast.service
process=/proc/$(state MainPID)
[ "$(stat -c %U:%G "$process")" = ringcast:ringcast ]
for set in CapPrm CapEff CapAmb; do
  grep -qE "^$set:[[:space:]]0+$" "$process/status"
done
grep -q '^Seccomp:[[:space:]]2' "$process/status"
grep -q '^NoNewPrivs:[[:space:]]1' "$process/status"
[ "$(ask 8080 /healthz) $(ask 9180 /readyz)" = "200 200" ]

step "it is published to and subscribed to"
ringcast publish demo/one hello >/dev/null
events 1 | grep -q hello
hello # of the library
events 2 | grep -q 'from C'

step "a reload keeps it running"
before=$(state MainPID)
systemctl reload ringcast.service
sleep 1
[ "$(state MainPID)" = "$before" ]
[ "$(state ActiveState)" = active ]

step "a restart keeps the log"
systemctl restart ringcast.service
events 2 | grep -q 'from C'

step "a crash is made good"
kill -KILL "$(state MainPID)"
for _ in $(seq 100); do
  [ "$(state ActiveState)" != active ] || break
  sleep 0.1
done
events 2 | grep -q 'from C'

step "it ends well"
systemctl stop ringcast.service
[ "$(state Result)" = success ]

step "sockets start it"
systemctl start ringcast.socket ringcast-admin.socket ringcast-producers.socket
[ "$(state ActiveState)" = inactive ]
ringcast publish demo/one again >/dev/null
systemctl is-active --quiet ringcast.service
events 3 --url http://127.0.0.1:80 | grep -q again
[ "$(ask 9180 /readyz)" = 200 ]
systemctl stop ringcast.socket ringcast-admin.socket ringcast-producers.socket ringcast.service
[ "$(state Result)" = success ]

echo "all is well"

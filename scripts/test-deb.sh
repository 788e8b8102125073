#!/bin/bash
# make test-deb: installs the packages with apt into a clean Debian root (debootstrap), runs the broker
# there as its service does, publishes, subscribes, builds a program with the library, and purges:
#   scripts/test-deb.sh DIRECTORY      where the packages are
# Root's. The suite and the mirror are those that apt uses on this machine.
set -eu
cd "$(dirname "$0")/.."

packages=$(cd "$1" && pwd)
root=$packages/root
# A namespace of its own: what is mounted and started goes with it.
if [ -z "${RINGCAST_TEST_DEB:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "test-deb: needs root" >&2; exit 1; }
  RINGCAST_TEST_DEB=1 exec unshare --mount --pid --fork --kill-child "$0" "$packages"
fi

say() { echo "test-deb: $*"; }
fail() {
  say "FAILED: $*" >&2
  [ ! -f "$root/tmp/broker.log" ] || cat "$root/tmp/broker.log" >&2
  exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
apt() {
  in_root DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" \
    >"$packages/apt.log" 2>&1 || { cat "$packages/apt.log" >&2; fail "apt-get $*"; }
}

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $codename" 'Created-By: Packages' |
  head -n 1)
say "a clean root of $codename"
rm -rf "$root"
debootstrap --variant=minbase "$codename" "$root" "$mirror" >"$packages/debootstrap.log" 2>&1 ||
  { tail "$packages/debootstrap.log" >&2; fail debootstrap; }
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
cp "$packages"/*.deb "$root/tmp/"
(cd "$root" && find . -xdev ! -path './proc*' ! -path './run*' ! -path './tmp*' | sort) \
  >"$packages/before.list"

say "installing with apt, and with what they depend on"
apt update
mapfile -t files < <(cd "$root" && printf '/%s\n' tmp/*.deb)
apt install --no-install-recommends "${files[@]}"
in_root getent passwd ringcast >/dev/null || fail "there is no user"
in_root test -L /etc/systemd/system/multi-user.target.wants/ringcast.service ||
  fail "the service is not enabled"
systemd-analyze verify --man=no --root="$root" ringcast.service ringcast.socket ringcast-tls.socket \
  ringcast-admin.socket ringcast-producers.socket || fail "the units are not right"
say "exposure of the service: $(systemd-analyze security --offline=yes --root="$root" \
  ringcast.service 2>/dev/null | sed -n 's/.*exposure level for [^:]*: //p')"

# As the unit has it.
start() {
  install -d -m 750 -o "$(id_of -u)" -g "$(id_of -g)" "$root/var/lib/ringcast" "$root/run/ringcast"
  local command
  command=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/ringcast.service")
  : >"$root/tmp/broker.log"
  # shellcheck disable=SC2086 # the unit's words
  in_root RINGCAST_LISTEN=127.0.0.1:0 RINGCAST_ADMIN_LISTEN=none STATE_DIRECTORY=/var/lib/ringcast RUNTIME_DIRECTORY=/run/ringcast setpriv \
    --reuid ringcast --regid ringcast --init-groups $command >"$root/tmp/broker.log" 2>&1 &
  broker=$!
  for _ in $(seq 100); do
    url=$(sed -n 's,^ringcast .* listening on \(http://[^, ]*\).*,\1,p' "$root/tmp/broker.log")
    [ -z "$url" ] || return 0
    kill -0 "$broker" 2>/dev/null || fail "the broker did not start"
    sleep 0.1
  done
  fail "the broker is not ready"
}
id_of() { in_root id "$1" ringcast; }
stop() {
  kill -TERM "$broker"
  wait "$broker" || fail "the broker did not end well"
}

say "the broker, as user ringcast"
start
[ "$(stat -c %U:%G "/proc/$broker")" = "$(stat -c %U:%G "$root/var/lib/ringcast")" ] ||
  fail "it runs as somebody else"
in_root ringcast publish demo/one hello >/dev/null
timeout 20 chroot "$root" ringcast subscribe --url "$url" --from earliest --count 1 demo/one |
  grep -q hello || fail "the event did not come"
cat >"$root/tmp/hello.c" <<'PROGRAM'
#include <ringcast/client.h>

int main(void)
{
    struct rc_client *client;
    struct rc_result result;
    const struct rc_event event = {.stream = "demo/one", .data = "from C", .data_length = 6};
    if (rc_client_open("/run/ringcast/ringcast.sock", 0, &client) != RC_OK) {
        return 1;
    }
    int code = rc_publish_wait(client, &event, &result, 5000) == RC_OK && result.id > 0 ? 0 : 1;
    rc_close(client);
    return code;
}
PROGRAM
# shellcheck disable=SC2046 # pkg-config's words
gcc "$root/tmp/hello.c" -o "$root/tmp/hello" $(PKG_CONFIG_SYSROOT_DIR="$root" \
  PKG_CONFIG_LIBDIR="$(echo "$root"/usr/lib/*/pkgconfig)" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
  PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs ringcast)
in_root /tmp/hello || fail "a program with the library does not publish"
stop

say "upgrading keeps the log and what was configured"
echo '# kept' >>"$root/etc/ringcast/ringcast.toml"
apt install --reinstall /tmp/ringcast_*.deb
grep -q '^# kept' "$root/etc/ringcast/ringcast.toml" || fail "the configuration was replaced"
start
timeout 20 chroot "$root" ringcast subscribe --url "$url" --from earliest --count 2 demo/one |
  grep -q 'from C' || fail "the log was lost"
stop

say "purging leaves nothing"
apt purge ringcast 'libringcast*'
apt autoremove --purge
in_root getent passwd ringcast >/dev/null && fail "the user is left"
(cd "$root" && find . -xdev ! -path './proc*' ! -path './run*' ! -path './tmp*' | sort) \
  >"$packages/after.list"
left=$(comm -13 "$packages/before.list" "$packages/after.list" | grep ringcast || true)
[ -z "$left" ] || fail "these are left: $left"
umount "$root/run" "$root/proc"
rm -rf "$root" "$packages"/{before,after}.list "$packages"/{apt,debootstrap}.log
say "passed"

#!/bin/bash
# make test-deb: installs the packages with apt into a clean Debian root (debootstrap), boots systemd
# there, in namespaces of its own, so that the service runs as it is meant to (scripts/test-deb-steps.sh
# has what is tried), and purges:
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
mkdir "$root/packages"
cp "$packages"/*.deb "$root/packages/"
(cd "$root" && find . -xdev ! -path './proc*' ! -path './run*' ! -path './packages*' | sort) \
  >"$packages/before.list"

say "installing with apt, and with what they depend on"
apt update
mapfile -t files < <(cd "$root" && printf '/%s\n' packages/*.deb)
apt install --no-install-recommends systemd "${files[@]}"
in_root getent passwd ringcast >/dev/null || fail "there is no user"
in_root test -L /etc/systemd/system/multi-user.target.wants/ringcast.service ||
  fail "the service is not enabled"
in_root systemd-analyze verify --man=no ringcast.service ringcast.socket ringcast-tls.socket \
  ringcast-admin.socket ringcast-producers.socket || fail "the units are not right"
say "exposure of the service: $(in_root systemd-analyze security --offline=yes \
  /lib/systemd/system/ringcast.service 2>/dev/null | sed -n 's/.*exposure level for [^:]*: //p')"

say "a program with the library"
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
gcc "$root/tmp/hello.c" -o "$root/usr/local/bin/hello" $(PKG_CONFIG_SYSROOT_DIR="$root" \
  PKG_CONFIG_LIBDIR="$(echo "$root"/usr/lib/*/pkgconfig)" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
  PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs ringcast)

# What a first process finds, in a container.
boot() {
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  local device
  for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    # shellcheck disable=SC2086 # its words
    mknod -m 666 "$root/dev/"${device%% *} c ${device#* }
  done
  cd "$root"
  mount --move . /
  exec chroot . /usr/bin/env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd systemd.unit=multi-user.target </dev/null
}
export -f boot
export root

say "the service, under systemd"
install -m 755 scripts/test-deb-steps.sh "$root/usr/local/bin/steps"
cat >"$root/etc/systemd/system/steps.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/local/bin/steps
ExecStopPost=/bin/bash -c 'kill -RTMIN+4 1'
StandardOutput=append:/var/tmp/steps.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
in_root systemctl enable --quiet steps.service
umount "$root/run" "$root/proc"
timeout 120 unshare --mount --pid --fork --net --uts --ipc --kill-child bash -ec boot \
  >"$packages/boot.log" 2>&1 || true # its status is how systemd ended its namespace
sed 's/^/test-deb: | /' "$root/var/tmp/steps.log" || cat "$packages/boot.log"
grep -q '^all is well$' "$root/var/tmp/steps.log" || fail "the service does not do what it should"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"

say "upgrading keeps what was configured"
echo '# kept' >>"$root/etc/ringcast/ringcast.toml"
apt install --reinstall "$(printf '%s\n' "${files[@]}" | grep /ringcast_)"
grep -q '^# kept' "$root/etc/ringcast/ringcast.toml" || fail "the configuration was replaced"

say "purging leaves nothing"
apt purge ringcast 'libringcast*'
apt autoremove --purge
in_root getent passwd ringcast >/dev/null && fail "the user is left"
(cd "$root" && find . -xdev ! -path './proc*' ! -path './run*' ! -path './packages*' | sort) \
  >"$packages/after.list"
left=$(comm -13 "$packages/before.list" "$packages/after.list" | grep ringcast || true)
[ -z "$left" ] || fail "these are left: $left"
umount "$root/run" "$root/proc"
rm -rf "$root" "$packages"/{before,after}.list "$packages"/{apt,boot,debootstrap}.log
say "passed"

#!/bin/bash
# Installs the Debian packages that the named groups need and that are missing:
#   scripts/install-deps.sh [-n] GROUP...      groups: build test lint browser bench coverage
# -n only lists them. Says nothing and takes a few milliseconds when nothing is missing.
set -eu

packages_build="gcc libc6-dev make liburing-dev libjemalloc-dev libcurl4-openssl-dev node-llhttp"
packages_test="$packages_build libcriterion-dev clang libclang-rt-14-dev curl socat netcat-openbsd
  procps psmisc"
packages_lint="$packages_test clang-format clang-tidy shellcheck"
packages_browser="$packages_build chromium fonts-dejavu-core"
packages_bench="$packages_build procps"
packages_coverage="$packages_test gcovr"

# A Node.js that did not come from Debian does as well as Debian's.
need_node() {
  command -v node >/dev/null 2>&1 || echo nodejs
  command -v npm >/dev/null 2>&1 || echo npm
}

list_only=false
if [ "${1:-}" = -n ]; then
  list_only=true
  shift
fi
[ $# -gt 0 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }

wanted=
for group in "$@"; do
  case $group in
    build) wanted+=" $packages_build" ;;
    test) wanted+=" $packages_test $(need_node)" ;;
    lint) wanted+=" $packages_lint $(need_node)" ;;
    browser) wanted+=" $packages_browser $(need_node)" ;;
    bench) wanted+=" $packages_bench" ;;
    coverage) wanted+=" $packages_coverage $(need_node)" ;;
    *) echo "install-deps: unknown group: $group" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "install-deps: this is no Debian; what is needed is called there:" $wanted >&2
  exit 0
fi

# dpkg-query fails for names that it does not know, which are just the missing ones.
installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' $wanted 2>/dev/null || true)"
missing=
for package in $wanted; do
  case "$installed$missing " in
    *" installed:$package "* | *" $package "*) ;;
    *) missing+=" $package" ;;
  esac
done
[ -n "$missing" ] || exit 0
if $list_only; then
  printf '%s\n' $missing
  exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install-deps: missing packages:$missing" >&2
    echo "install-deps: not root and no sudo; as root: apt-get install$missing" >&2
    exit 1
  fi
  as_root=sudo
fi

# Two makes at once take turns; the second finds the work done.
if [ -z "${RINGCAST_DEPS_LOCKED:-}" ]; then
  exec env RINGCAST_DEPS_LOCKED=1 flock "${TMPDIR:-/tmp}/ringcast-deps.$(id -u).lock" "$0" "$@"
fi
echo "install-deps: installing with apt-get${as_root:+ (sudo)}:$missing"
run_apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -qq -y "$@" </dev/null
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! run_apt update >"$log" 2>&1; then
  cat "$log" >&2
  echo "install-deps: apt-get update failed; trying with the lists at hand" >&2
fi
if ! run_apt install --no-install-recommends $missing >"$log" 2>&1; then
  cat "$log" >&2
  echo "install-deps: apt-get could not install:$missing" >&2
  exit 1
fi
echo "install-deps: done"

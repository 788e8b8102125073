#!/bin/bash
# Installs the Debian packages that the named groups need and that are missing:
#   scripts/install-deps.sh [-n] GROUP...      groups: build test lint browser bench peers coverage package
# -n only lists them. Says nothing and takes a few milliseconds when nothing is missing.
set -eu

build=(gcc libc6-dev make liburing-dev libjemalloc-dev libcurl4-openssl-dev libssl-dev node-llhttp)
test=("${build[@]}" libcriterion-dev clang libclang-rt-14-dev curl jq socat
  netcat-openbsd openssl procps iproute2 nftables)
lint=("${test[@]}" clang-format clang-tidy shellcheck)
browser=("${build[@]}" chromium fonts-dejavu-core)
bench=("${build[@]}" procps)
peers=("${bench[@]}" nginx libnginx-mod-nchan redis-server nats-server) # perf/peers/install.sh
coverage=("${test[@]}" gcovr)
package=("${build[@]}" dpkg-dev lintian debootstrap man-db groff-base systemd)

# A Node.js that did not come from Debian does as well as Debian's.
node=()
command -v node >/dev/null 2>&1 || node+=(nodejs)
command -v npm >/dev/null 2>&1 || node+=(npm)

list_only=false
if [ "${1:-}" = -n ]; then
  list_only=true
  shift
fi
wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}" "${node[@]}") ;;
    lint) wanted+=("${lint[@]}" "${node[@]}") ;;
    browser) wanted+=("${browser[@]}" "${node[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    peers) wanted+=("${peers[@]}" "${node[@]}") ;;
    coverage) wanted+=("${coverage[@]}" "${node[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    *) echo "install-deps: unknown group: $group" >&2; exit 2 ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "install-deps: this is no Debian; what is needed is called there: ${wanted[*]}" >&2
  exit 0
fi

# dpkg-query complains of names that it does not know: those are missing.
installed=$(dpkg-query -W -f='${db:Status-Status}:${Package} ' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  case " $installed" in *" installed:$package "*) continue ;; esac
  case " ${missing[*]-} " in *" $package "*) ;; *) missing+=("$package") ;; esac
done
[ ${#missing[@]} -gt 0 ] || exit 0
if $list_only; then
  printf '%s\n' "${missing[@]}"
  exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install-deps: not root, and no sudo; as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# Two makes at once take turns; the second finds the work done.
if [ -z "${RINGCAST_DEPS_LOCKED:-}" ]; then
  export RINGCAST_DEPS_LOCKED=1
  exec flock "${TMPDIR:-/tmp}/ringcast-deps.$(id -u).lock" "$0" "$@"
fi

run_apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -qq -y "$@" </dev/null
}
echo "install-deps: installing with ${as_root[*]:+sudo }apt-get: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! run_apt update >"$log" 2>&1; then
  cat "$log" >&2
  echo "install-deps: apt-get update failed; trying with the package lists at hand" >&2
fi
if ! run_apt install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  echo "install-deps: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
echo "install-deps: done"

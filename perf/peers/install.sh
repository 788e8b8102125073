#!/bin/bash
# Installs the servers that perf/peers compares ringcast with, where they are missing: Debian packages,
# and from npm what package-lock.json names, into DIRECTORY:   perf/peers/install.sh DIRECTORY
# Their packages would start them as system services: those that it installs are neither started nor left
# enabled.
set -eu
cd "$(dirname "$0")/../.."

directory=$1
policy=/usr/sbin/policy-rc.d

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

mapfile -t missing < <(scripts/install-deps.sh -n peers)
if [ ${#missing[@]} -gt 0 ]; then
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  scripts/install-deps.sh peers
  if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
      case $package in
        nginx | redis-server | nats-server) "${as_root[@]}" systemctl disable --quiet --now "$package" ;;
      esac
    done
  fi
fi
scripts/install-npm.sh "$directory" perf/peers

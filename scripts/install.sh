#!/bin/bash
# make install: the binary, the library with its soname, the headers, the pkg-config file, and what
# makes a service of it: manual pages, completion, configuration, units. BUILD, PREFIX, LIBDIR,
# SYSCONFDIR, UNITDIR, DESTDIR, VERSION and SOVERSION come from the Makefile.
set -eu
cd "$(dirname "$0")/.."

library=libringcast.so

# place MODE FILE TARGET: a copy of the file, where paths are those of this installation.
place() {
  install -d "$DESTDIR$(dirname "$3")"
  sed -e "s,/usr/bin/,$PREFIX/bin/,g" -e "s,/etc/ringcast,$SYSCONFDIR/ringcast,g" "$2" >"$DESTDIR$3"
  chmod "$1" "$DESTDIR$3"
}

install -d "$DESTDIR$PREFIX/bin" "$DESTDIR$LIBDIR/pkgconfig" "$DESTDIR$PREFIX/include/ringcast"
install -m 755 "$BUILD/ringcast" "$DESTDIR$PREFIX/bin/"

install -m 644 "$BUILD/libringcast.a" "$DESTDIR$LIBDIR/"
install -m 644 "$BUILD/$library.$SOVERSION" "$DESTDIR$LIBDIR/$library.$VERSION"
ln -sf "$library.$VERSION" "$DESTDIR$LIBDIR/$library.$SOVERSION"
ln -sf "$library.$SOVERSION" "$DESTDIR$LIBDIR/$library"
install -m 644 include/ringcast/*.h "$DESTDIR$PREFIX/include/ringcast/"
cat >"$DESTDIR$LIBDIR/pkgconfig/ringcast.pc" <<PC
prefix=$PREFIX
libdir=$LIBDIR
includedir=\${prefix}/include

Name: ringcast
Description: Publishes events to a ringcast broker
Version: $VERSION
Libs: -L\${libdir} -lringcast
Libs.private: -lpthread
Cflags: -I\${includedir}
PC
chmod 644 "$DESTDIR$LIBDIR/pkgconfig/ringcast.pc"

# write MODE TARGET COMMAND...: what the binary says to it.
write() {
  local mode=$1 target=$DESTDIR$2
  shift 2
  install -d "$(dirname "$target")"
  "$BUILD/ringcast" "$@" >"$target"
  chmod "$mode" "$target"
}

write 644 "$PREFIX/share/man/man1/ringcast.1" manual ringcast.1
write 644 "$PREFIX/share/man/man5/ringcast.toml.5" manual ringcast.toml.5
write 644 "$PREFIX/share/man/man7/ringcast-metrics.7" manual ringcast-metrics.7
write 644 "$PREFIX/share/bash-completion/completions/ringcast" completion bash
write 644 "$PREFIX/share/zsh/vendor-completions/_ringcast" completion zsh
write 644 "$PREFIX/share/fish/vendor_completions.d/ringcast.fish" completion fish
# What the operator has changed stays.
[ -e "$DESTDIR$SYSCONFDIR/ringcast/ringcast.toml" ] ||
  write 644 "$SYSCONFDIR/ringcast/ringcast.toml" manual ringcast.toml

for unit in scripts/systemd/*.service scripts/systemd/*.socket; do
  place 644 "$unit" "$UNITDIR/$(basename "$unit")"
done
for file in scripts/container/seccomp.json scripts/grafana/ringcast.json \
  scripts/prometheus/ringcast.rules.yml; do
  place 644 "$file" "$PREFIX/share/ringcast/${file#scripts/*/}"
done
place 644 scripts/systemd/ringcast.sysusers "$PREFIX/lib/sysusers.d/ringcast.conf"

echo "installed under $DESTDIR$PREFIX"
[ -n "$DESTDIR" ] || [ "$(id -u)" != 0 ] || ldconfig

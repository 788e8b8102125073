#!/bin/bash
# make install: the binary, the library with its soname, the headers and the pkg-config file. BUILD,
# PREFIX, DESTDIR, VERSION and SOVERSION come from the Makefile.
set -eu
cd "$(dirname "$0")/.."

root=$DESTDIR$PREFIX
library=libringcast.so
install -d "$root/bin" "$root/lib/pkgconfig" "$root/include/ringcast"
install -m 755 "$BUILD/ringcast" "$root/bin/"
install -m 644 "$BUILD/libringcast.a" "$root/lib/"
install -m 755 "$BUILD/$library.$SOVERSION" "$root/lib/$library.$VERSION"
ln -sf "$library.$VERSION" "$root/lib/$library.$SOVERSION"
ln -sf "$library.$SOVERSION" "$root/lib/$library"
install -m 644 include/ringcast/*.h "$root/include/ringcast/"
cat >"$root/lib/pkgconfig/ringcast.pc" <<PC
prefix=$PREFIX
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: ringcast
Description: Publishes events to a ringcast broker
Version: $VERSION
Libs: -L\${libdir} -lringcast
Libs.private: -lpthread
Cflags: -I\${includedir}
PC
chmod 644 "$root/lib/pkgconfig/ringcast.pc"
echo "installed under $root"
[ -n "$DESTDIR" ] || [ "$(id -u)" != 0 ] || ldconfig

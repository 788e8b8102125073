#!/bin/bash
# make deb: the packages ringcast, libringcastN and libringcast-dev, in $BUILD/packages. The same
# sources give the same bytes: times are SOURCE_DATE_EPOCH's (else the last commit's), and paths of
# the build are taken out. BUILD, VERSION and SOVERSION come from the Makefile.
set -eu
cd "$(dirname "$0")/.."

sources=$PWD
output=$(mkdir -p "$BUILD/packages" && cd "$BUILD/packages" && pwd)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
umask 022
host=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
architecture=$(dpkg-architecture -qDEB_HOST_ARCH)
library=libringcast$SOVERSION
packages=(ringcast "$library" libringcast-dev)

stage=$output/stage
rm -rf "$stage" "$output"/*.deb
mkdir -p "$stage/debian"
make BUILD="$output/build" CFLAGS="-ffile-prefix-map=$sources=." PREFIX=/usr \
  LIBDIR="/usr/lib/$host" UNITDIR=/lib/systemd/system DESTDIR="$stage/all" install

sed "s/@SOVERSION@/$SOVERSION/" scripts/deb/control >"$stage/debian/control"
cat >"$stage/debian/changelog" <<CHANGELOG
ringcast ($VERSION) unstable; urgency=medium

  * Release $VERSION.

 -- The ringcast authors <ringcast@localhost>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGELOG

# give PACKAGE PATH...: moves these out of what was installed into the package.
give() {
  local package=$1 path
  shift
  for path in "$@"; do
    mkdir -p "$stage/debian/$package$(dirname "$path")"
    # shellcheck disable=SC2086 # PATH may be a pattern
    mv "$stage/all"$path "$stage/debian/$package$(dirname "$path")/"
  done
}
give libringcast-dev /usr/include "/usr/lib/$host/libringcast.a" "/usr/lib/$host/libringcast.so" \
  "/usr/lib/$host/pkgconfig"
give "$library" "/usr/lib/$host/libringcast.so.*"
mv "$stage/all" "$stage/debian/ringcast"
rm -r "$stage/debian/ringcast/usr/lib/sysusers.d" # adduser does it
find "$stage/debian/ringcast" -type d -empty -delete

strip --remove-section=.comment --remove-section=.note "$stage/debian/ringcast/usr/bin/ringcast"
strip --remove-section=.comment --remove-section=.note --strip-unneeded \
  "$stage/debian/$library/usr/lib/$host/"*.so.*.*
strip --strip-debug --enable-deterministic-archives "$stage/debian/libringcast-dev/usr/lib/$host/"*.a

for package in "${packages[@]}"; do
  mkdir -p "$stage/debian/$package/DEBIAN"
  touch "$stage/debian/$package.substvars"
done

install -D -m 644 scripts/deb/ringcast.logrotate "$stage/debian/ringcast/etc/logrotate.d/ringcast"
gzip -9n "$stage"/debian/ringcast/usr/share/man/*/*

# What each depends on, from the libraries that its programs are linked with.
depend() {
  local package=$1
  shift
  (cd "$stage" && dpkg-shlibdeps -T"debian/$package.substvars" "$@")
}
depend ringcast -edebian/ringcast/usr/bin/ringcast
depend "$library" -e"$(cd "$stage" && echo "debian/$library/usr/lib/$host/"*.so.*.*)"

build() {
  local package=$1 root=$stage/debian/$1 script file
  install -d "$root/usr/share/doc/$package"
  gzip -9nc "$stage/debian/changelog" >"$root/usr/share/doc/$package/changelog.gz"
  {
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    printf '\nFiles: *\nCopyright: %s\nLicense: Expat\n' \
      "$(sed -n 's/^Copyright (c) //p' LICENSE)"
    sed '1,/^Copyright/d; s/^$/./; s/^/ /' LICENSE | sed 1d
  } >"$root/usr/share/doc/$package/copyright"
  for script in postinst prerm postrm; do
    file=scripts/deb/$package.$script
    [ ! -f "$file" ] || install -m 755 "$file" "$root/DEBIAN/$script"
  done
  (cd "$root" && find etc -type f 2>/dev/null | sed 's,^,/,' | sort) >"$root/DEBIAN/conffiles"
  [ -s "$root/DEBIAN/conffiles" ] || rm "$root/DEBIAN/conffiles"
  if [ "$package" = "$library" ]; then
    echo "libringcast $SOVERSION $library (>= $VERSION)" >"$root/DEBIAN/shlibs"
    echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
  fi
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's,^\./,,' | sort |
    xargs md5sum >DEBIAN/md5sums)
  (cd "$stage" && dpkg-gencontrol -p"$package" -P"debian/$package" -Tdebian/"$package".substvars \
    -fdebian/files >/dev/null)
  find "$root" -print0 | xargs -0 touch -h -d "@$SOURCE_DATE_EPOCH"
  dpkg-deb --root-owner-group --build "$root" \
    "$output/${package}_${VERSION}_$architecture.deb" >/dev/null
}
for package in "${packages[@]}"; do
  build "$package"
done
rm -rf "$stage"
ls "$output"/*.deb

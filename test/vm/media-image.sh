#!/bin/bash
# Makes the image docker-worker/media of programs of this machine: those that play and record on loopback devices, with
# their libraries, and busybox. Run it at the root of the repository.
#
# usage: test/vm/media-image.sh
set -euo pipefail

if (($# > 0)); then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
  exit 0
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

add_program() {
  local library
  cp --parents -L "$1" "$root"
  while read -r library; do cp --parents -L "$library" "$root"; done < <(ldd "$1" | grep -oE '/[^ ]+')
}

add_program /usr/bin/aplay
add_program /usr/bin/v4l2-ctl
add_program /usr/bin/perl
install -m 755 test/vm/show-frame.pl "$root/usr/bin/show-frame"
# It decides by its name what it does.
ln -s aplay "$root/usr/bin/arecord"
mkdir -p "$root/usr/share" "$root/bin" "$root/tmp"
cp -a /usr/share/alsa "$root/usr/share/"
chmod 1777 "$root/tmp"
cp -L "$(command -v busybox)" "$root/bin/busybox"
for applet in sh cat head kill ls sleep test; do ln -s busybox "$root/bin/$applet"; done
tar -c -C "$root" . | docker import - docker-worker/media:latest >/dev/null

#!/bin/bash
# Makes docker-worker/taskgraph-base, the image with taskgraph that npm run test:taskgraph works with: a small Debian with
# git, Python and the newest taskgraph of PyPI. No registry of images is needed. As root on Debian.
#
# usage: test/taskgraph/make-image.sh
#   TASKGRAPH       what pip installs; default: taskcluster-taskgraph, the newest
#   TASKGRAPH_DIR   where the file system of the image is kept; default: /var/cache/docker-worker-taskgraph (500 MB)
#   MIRROR          Debian mirror; default: http://deb.debian.org/debian
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if (($# > 0)); then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
  [[ $1 == --help ]] && exit 0 || exit 2
fi
directory=${TASKGRAPH_DIR:-/var/cache/docker-worker-taskgraph}
root=$directory/root
image=docker-worker/taskgraph-base:latest
export LC_ALL=C

say() { printf 'test:taskgraph: %s\n' "$*"; }
fail() {
  printf 'test:taskgraph: %s\n' "$@" >&2
  exit 1
}
# quietly PROGRAM…: what it says is shown only if it fails.
quietly() {
  "$@" >"$directory/log" 2>&1 </dev/null && return 0
  tail -n 20 "$directory/log" >&2
  fail "failed: $*"
}

install_tools() {
  local missing=() program
  for program in debootstrap git; do command -v "$program" >/dev/null || missing+=("$program"); done
  ((${#missing[@]} == 0)) || scripts/apt-install.sh "${missing[@]}"
}

fingerprint() { sha256sum <"${BASH_SOURCE[0]}"; }

ensure_root_file_system() {
  [[ $(cat "$directory/fingerprint" 2>/dev/null) == $(fingerprint) ]] && return 0
  say 'building a Debian with Python'
  rm -rf --one-file-system "$root"
  rm -f "$directory/fingerprint" "$directory/imported"
  quietly debootstrap --variant=minbase --include=ca-certificates,git,python3,python3-cffi-backend,python3-venv,python3-zstandard,zstd \
    bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  quietly chroot "$root" python3 -m venv --system-site-packages /opt/taskgraph
  fingerprint >"$directory/fingerprint"
}

# With this machine's way to PyPI: its environment, its configuration of pip and the certificates it trusts.
install_taskgraph() {
  [[ ! -f /etc/pip.conf ]] || cp /etc/pip.conf "$root/etc/pip.conf"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  quietly chroot "$root" env HOME=/root PATH=/usr/local/bin:/usr/bin:/bin \
    /opt/taskgraph/bin/pip install --upgrade --no-cache-dir "${TASKGRAPH:-taskcluster-taskgraph}"
  rm -f "$root/etc/pip.conf"
}

import_image() {
  local version before
  version=$(chroot "$root" /opt/taskgraph/bin/pip list --format=freeze)
  say "$(grep '^taskcluster-taskgraph==' <<<"$version")"
  if [[ $(cat "$directory/imported" 2>/dev/null) == "$version" ]] && docker inspect "$image" >/dev/null 2>&1; then
    return 0
  fi
  before=$(docker image ls --quiet --no-trunc "$image")
  tar -C "$root" --one-file-system --numeric-owner -c . | docker import - "$image" >/dev/null
  printf '%s\n' "$version" >"$directory/imported"
  # It would stay, without a name.
  [[ -z $before ]] || docker image rm "$before" >/dev/null
}

[[ $(id -u) == 0 ]] || fail 'making the image needs root: run npm run test:taskgraph as root'
mkdir -p "$directory"
install_tools
ensure_root_file_system
install_taskgraph
import_image

#!/bin/bash
# Makes this checkout ready to run, test and demonstrate. Safe to run again: what is up to date is left alone.
#
# usage: ./build.sh [--no-docker-setup]
#
#   1. checks Node
#   2. a Docker engine: uses one that answers, else installs and starts one (Debian or Ubuntu, as root)
#   3. npm ci
#   4. installs zstd and lz4 where they are missing (Debian or Ubuntu, as root): the worker unpacks images with them
#   5. installs docker-registry, htpasswd, strace, git, and chromium with a font the same way, which tests use
#   6. builds the images of the tests and the demo (docker-worker/test, docker-worker/demo, …), without any registry
#   7. compiles src/ to dist/
#
# --no-docker-setup   fail instead of installing or starting a Docker engine
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

usage() { sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' build.sh; }

check_node() {
  command -v node >/dev/null ||
    fail 'node: not found. Install Node.js 20.19 or newer (https://nodejs.org/en/download).'
  local version major minor
  version=$(node --version)
  IFS=. read -r major minor _ <<<"${version#v}"
  ((major > 20 || (major == 20 && minor >= 19))) ||
    fail "node: $version is too old. Install Node.js 20.19 or newer (https://nodejs.org/en/download)."
}

install_modules() {
  if node scripts/modules-are-current.mjs; then return; fi
  say 'npm: installing node_modules (npm ci)'
  npm ci --no-audit --no-fund --loglevel=error </dev/null
}

ensure_unpackers() {
  local missing=() program
  for program in zstd lz4; do command -v "$program" >/dev/null || missing+=("$program"); done
  ((${#missing[@]} > 0)) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "images: the worker unpacks images with zstd and lz4; not on PATH: ${missing[*]}." \
      "Install them (on Debian and Ubuntu: sudo apt-get install ${missing[*]}) and run ./build.sh again."
  fi
  say "images: installing ${missing[*]} with apt-get"
  scripts/apt-install.sh "${missing[@]}"
}

# Only tests need them, so whoever can't install them can still build and run.
ensure_test_programs() {
  local missing=()
  command -v docker-registry >/dev/null || missing+=(docker-registry)
  command -v htpasswd >/dev/null || missing+=(apache2-utils)
  command -v strace >/dev/null || missing+=(strace)
  command -v git >/dev/null || missing+=(git)
  # Without a font nothing that is written has a size.
  command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
  ((${#missing[@]} > 0)) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    say "tests: some will fail without ${missing[*]}." \
      "Install them (on Debian and Ubuntu: sudo apt-get install ${missing[*]})."
    return 0
  fi
  say "tests: installing ${missing[*]} with apt-get"
  scripts/apt-install.sh "${missing[@]}"
}

# Everything that decides what is built.
source_fingerprint() {
  {
    find src -type f -print0 | sort -z | xargs -0 sha256sum
    sha256sum tsconfig.json tsconfig.page.json package-lock.json scripts/build.mjs scripts/build-page.mjs scripts/no-http2.mjs
  } | sha256sum
}

compile() {
  local fingerprint
  fingerprint=$(source_fingerprint)
  [[ $(cat dist/.fingerprint 2>/dev/null) != "$fingerprint" ]] || return 0
  say 'build: compiling src/ to dist/'
  npm run --silent build
  printf '%s\n' "$fingerprint" >dist/.fingerprint
}

# glibc's ldd fails on a static program, and says "statically linked" of a static one that may be loaded anywhere.
is_static() {
  local linked
  linked=$(ldd "$1" 2>&1) || return 0
  [[ $linked == *'statically linked'* ]]
}

static_busybox() {
  local found
  found=$(command -v busybox) && is_static "$found" && printf '%s\n' "$found"
}

ensure_busybox() {
  if static_busybox >/dev/null; then return; fi
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail 'images: they are made of a static busybox, and there is none on PATH.' \
      'Install it (on Debian and Ubuntu: sudo apt-get install busybox-static) and run ./build.sh again.'
  fi
  say 'images: installing busybox-static with apt-get'
  scripts/apt-install.sh busybox-static
  static_busybox >/dev/null || fail 'images: the busybox on PATH is still not a static one.'
}

build_images() {
  ensure_busybox
  node scripts/build-images.mjs "$(static_busybox)"
}

docker_flags=()
for argument in "$@"; do
  case $argument in
    --no-docker-setup) docker_flags=(--no-docker-setup) ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "build.sh: unknown argument \"$argument\"" "$(usage)" ;;
  esac
done

check_node
# One at a time: two `npm ci` in one folder destroy each other's work.
exec 8>"${TMPDIR:-/tmp}/docker-worker-build-$(id -u)-$(pwd | cksum | cut -d ' ' -f 1).lock"
flock 8
scripts/ensure-docker.sh "${docker_flags[@]}" 8>&-
install_modules
ensure_unpackers
ensure_test_programs
build_images
compile

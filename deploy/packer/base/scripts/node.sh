#!/bin/bash
# Installs the pinned release of Node.js from nodejs.org into /usr/local/lib/nodejs, if its checksum matches the one
# below. PACKAGE_SOURCE=distribution only checks whether the machine's Node.js is new enough.
#
# usage: node.sh [--dry-run]
#   NODE_VERSION    e.g. 24.18.0
#   NODE_SHA256     of node-v<version>-linux-<x64 or arm64>.tar.xz; default: known for the versions below
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

HOME_DIR=/usr/local/lib/nodejs
# From SHASUMS256.txt of each release.
declare -A CHECKSUMS=(
  [24.11.1-linux-x64]=60e3b0a8500819514aca603487c254298cd776de0698d3cd08f11dba5b8289a8
  [24.18.0-linux-x64]=55aa7153f9d88f28d765fcdad5ae6945b5c0f98a36881703817e4c450fa76742
  [24.18.0-linux-arm64]=58c9520501f6ae2b52d5b210444e24b9d0c029a58c5011b797bc1fe7105886f6
)

platform() {
  case $(uname -m) in
    x86_64) printf 'linux-x64' ;;
    aarch64) printf 'linux-arm64' ;;
    *) fail "there is no release of Node.js for $(uname -m)." ;;
  esac
}

# Needs the internet.
install_node() {
  local name=$1 sha256=$2 file
  file=$(mktemp)
  download "https://nodejs.org/dist/v$NODE_VERSION/$name.tar.xz" "$file" "$sha256"
  mkdir -p "$ROOT_DIR$HOME_DIR"
  tar -xJf "$file" --no-same-owner -C "$ROOT_DIR$HOME_DIR"
  rm -f "$file"
}

ensure_node() {
  require_variable NODE_VERSION 'the release of Node.js, e.g. 24.18.0'
  local key name sha256 program
  key=$NODE_VERSION-$(platform)
  name=node-v$key
  sha256=${NODE_SHA256:-${CHECKSUMS[$key]:-}}
  [[ -n $sha256 ]] || fail "the checksum of Node.js $key is not known." \
    "Take it from https://nodejs.org/dist/v$NODE_VERSION/SHASUMS256.txt and add it to CHECKSUMS in $0, or set NODE_SHA256."
  [[ -x $ROOT_DIR$HOME_DIR/$name/bin/node ]] || change "install Node.js $NODE_VERSION" install_node "$name" "$sha256"
  for program in node npm npx; do ensure_link "$HOME_DIR/$name/bin/$program" "/usr/local/bin/$program"; done
}

check_node() {
  has node || fail 'node: not found.' 'With PACKAGE_SOURCE=distribution, install Node.js 20.19 or newer first.'
  local major minor
  IFS=. read -r major minor _ < <(node --version | tr -d v)
  ((major > 20 || (major == 20 && minor >= 19))) || fail "Node.js $(node --version) is too old; the worker needs at least 20.19."
}

parse_arguments "$@"
require_root
case $PACKAGE_SOURCE in
  upstream) ensure_node ;;
  distribution) check_node ;;
  *) fail "PACKAGE_SOURCE is \"$PACKAGE_SOURCE\"; it must be upstream or distribution." ;;
esac

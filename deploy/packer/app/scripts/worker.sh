#!/bin/bash
# Installs the worker from the tarball that deploy/bin/build made (package.json, package-lock.json, dist, config.yml,
# schemas) into /opt/docker-worker, with its runtime packages.
#
# usage: worker.sh [--dry-run]
#   WORKER_TARBALL   the tarball on this machine; default: /tmp/docker-worker-upload/docker-worker.tar.gz
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

WORKER_TARBALL=${WORKER_TARBALL:-/tmp/docker-worker-upload/docker-worker.tar.gz}
HOME_DIR=/opt/docker-worker
# Identifies the installed tarball.
STAMP=.tarball-sha256

checksum() {
  local line
  line=$(sha256sum "$WORKER_TARBALL")
  printf '%s' "${line%% *}"
}

# Needs the npm registry. Install scripts are not run: none of the packages needs them.
install_modules() {
  (cd "$1" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >/dev/null) ||
    fail 'npm ci --omit=dev failed.' 'Can this machine reach the npm registry?'
}

# In a folder beside it, so that a failure leaves the installed worker unchanged.
install_worker() {
  local new=$ROOT_DIR$HOME_DIR.new file
  rm -rf "$new"
  mkdir -p "$new"
  tar -xzf "$WORKER_TARBALL" --no-same-owner -C "$new"
  for file in package.json package-lock.json config.yml schemas dist/bin/worker.js; do
    [[ -e $new/$file ]] || fail "$WORKER_TARBALL has no $file." 'Create it with deploy/bin/build.'
  done
  # A tarball may include its packages, for machines that can't reach a registry.
  [[ -d $new/node_modules ]] || install_modules "$new"
  printf '%s\n' "$1" >"$new/$STAMP"
  # Files that configuration.sh installed.
  [[ ! -d $ROOT_DIR$HOME_DIR/bin ]] || cp -a "$ROOT_DIR$HOME_DIR/bin" "$new/"
  rm -rf "$ROOT_DIR${HOME_DIR:?}.old"
  [[ ! -d $ROOT_DIR$HOME_DIR ]] || mv "$ROOT_DIR$HOME_DIR" "$ROOT_DIR$HOME_DIR.old"
  mv "$new" "$ROOT_DIR$HOME_DIR"
  rm -rf "$ROOT_DIR${HOME_DIR:?}.old"
}

parse_arguments "$@"
require_root
[[ -f $WORKER_TARBALL ]] || fail "$WORKER_TARBALL is missing." 'packer uploads it; deploy/bin/build creates it.'
wanted=$(checksum)
[[ $(cat "$ROOT_DIR$HOME_DIR/$STAMP" 2>/dev/null) == "$wanted" ]] ||
  change "install the worker in $HOME_DIR" install_worker "$wanted"

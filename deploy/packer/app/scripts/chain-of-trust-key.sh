#!/bin/bash
# Installs the key that chain of trust signs with. The trusted builder brings the deployment's key; any other machine
# creates its own, which is not trusted.
#
# usage: chain-of-trust-key.sh [--dry-run]
#   BUILDER   hvm-builder-trusted: installs the uploaded key. Other values: creates a key unless one exists
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

KEY=/etc/docker-worker-ed25519-cot-signing-key.key
UPLOADED=${CHAIN_OF_TRUST_KEY_FILE:-/tmp/docker-worker-upload/chain-of-trust.key}

# Any 32 bytes are the seed of an ed25519 key.
make_key() {
  mkdir -p "$ROOT_DIR/etc"
  (umask 077 && head -c 32 /dev/urandom | base64 -w 0 >"$ROOT_DIR$KEY.new" && printf '\n' >>"$ROOT_DIR$KEY.new")
  mv "$ROOT_DIR$KEY.new" "$ROOT_DIR$KEY"
}

# The key itself is never printed.
check_key() {
  local bytes
  bytes=$(base64 -d "$1" 2>/dev/null | wc -c) || bytes=0
  [[ $bytes == 32 || $bytes == 64 ]] ||
    fail "the chain of trust key is not base64 of 32 or 64 bytes (it has $bytes)." 'Create one with deploy/bin/gen-ed25519-key.'
}

parse_arguments "$@"
require_root
if [[ ${BUILDER:-} == hvm-builder-trusted ]]; then
  [[ -f $UPLOADED ]] || fail "$UPLOADED is missing." 'The trusted builder needs the key; deploy/bin/build passes it to packer.'
  check_key "$UPLOADED"
  ensure_copy "$UPLOADED" "$KEY" 600
  change 'remove the uploaded key' rm -f "$UPLOADED"
elif [[ ! -s $ROOT_DIR$KEY ]]; then
  change "make a chain of trust key of this image's own" make_key
fi

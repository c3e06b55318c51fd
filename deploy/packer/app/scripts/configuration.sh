#!/bin/bash
# Copies the files of deploy.tar.gz (deploy/target, made by `make -C deploy`) over the machine's, owned by root. Files
# with secrets are readable by root only, regardless of their mode in the tarball. Unchanged files are left alone.
#
# usage: configuration.sh [--dry-run]
#   DEPLOY_TARBALL   the tarball on this machine; default: /tmp/docker-worker-upload/deploy.tar.gz
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

DEPLOY_TARBALL=${DEPLOY_TARBALL:-/tmp/docker-worker-upload/deploy.tar.gz}
# git keeps only the executable bit of modes.
SECRETS=(
  /etc/docker-worker/secrets.env
  /etc/docker-worker.conf.json
  /etc/docker-worker.conf.yml
  /etc/docker-worker-priv.pem
  /etc/star_taskcluster-worker_net.key
)

mode_of() {
  local secret
  for secret in "${SECRETS[@]}"; do
    if [[ $2 == "$secret" ]]; then
      printf '600'
      return 0
    fi
  done
  if [[ -x $1 ]]; then printf '755'; else printf '644'; fi
}

check_files() {
  local unfilled
  unfilled=$(grep -rlE '\{\{ *[A-Za-z]+ *\}\}' "$1" || true)
  [[ -z $unfilled ]] || fail "variables are not filled in in: $(paste -sd ' ' <<<"${unfilled//"$1"/}")" 'Run make -C deploy again.'
}

ensure_files() {
  local file path
  while IFS= read -r -d '' file; do
    path=${file#"$1"}
    ensure_copy "$file" "$path" "$(mode_of "$file" "$path")"
  done < <(find "$1" -type f -print0 | sort -z)
}

parse_arguments "$@"
require_root
[[ -f $DEPLOY_TARBALL ]] || fail "$DEPLOY_TARBALL is missing." 'packer uploads it; make -C deploy creates it.'
umask 077
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xzf "$DEPLOY_TARBALL" --no-same-owner -C "$unpacked"
umask 022
check_files "$unpacked"
ensure_directory /etc/docker-worker 700
ensure_files "$unpacked"
ensure_link /opt/docker-worker/bin/docker-worker /usr/local/bin/docker-worker

#!/bin/bash
# Enables the worker's units to start with the machine. They are not started now, because this builds an image.
#
# usage: services.sh [--dry-run]
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

UNITS=(
  docker-worker-instance-storage.service
  docker-worker-metadata-firewall.service
  docker-worker-images.service
  docker-worker.service
)

parse_arguments "$@"
require_root
for unit in "${UNITS[@]}"; do
  is_dry_run || [[ -f $ROOT_DIR/etc/systemd/system/$unit ]] || fail "$unit is missing." 'Run configuration.sh first.'
done
ensure_enabled "${UNITS[@]}"
if is_booted && ! is_dry_run; then systemctl daemon-reload; fi

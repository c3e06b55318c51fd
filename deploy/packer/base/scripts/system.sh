#!/bin/bash
# Applies settings that all machines share: kernel limits, the journal's size, and keeping cloud-init away from the
# instance storage.
#
# usage: system.sh [--dry-run]
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

parse_arguments "$@"
require_root
ensure_template_file /etc/sysctl.d/60-docker-worker.conf
if [[ $changed_file == yes ]] && is_booted; then
  # Some settings belong to modules that are not loaded yet.
  is_dry_run || sysctl --quiet --ignore --load /etc/sysctl.d/60-docker-worker.conf || say 'sysctl: some settings apply from the next start'
fi
ensure_template_file /etc/systemd/journald.conf.d/docker-worker.conf
ensure_template_file /etc/cloud/cloud.cfg.d/99-docker-worker.cfg

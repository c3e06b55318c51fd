#!/bin/bash
# Installs the distribution's packages that a worker's machine needs, and disables automatic updates. Used for AMIs,
# other images and the Vagrant machine.
#
# usage: packages.sh [--dry-run]
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

PACKAGES=(
  # for these scripts
  ca-certificates curl gnupg xz-utils
  # the worker unpacks images with zstd and lz4, and copies the static busybox into containers for interactive sessions
  zstd lz4 busybox-static
  # docker, and the firewall for its containers
  iptables iproute2 apparmor
  # instance storage
  lvm2 e2fsprogs
  # logs, to papertrail over TLS
  rsyslog rsyslog-gnutls logrotate
  # the queue refuses requests of a machine whose clock is wrong
  chrony
  kmod procps
)

# A machine runs tasks for some hours or days and is then replaced: no update may restart docker under a task or hold
# apt's lock.
keep_still() {
  ensure_masked apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service snapd.refresh.timer \
    motd-news.timer update-notifier-download.timer fwupd-refresh.timer man-db.timer e2scrub_all.timer
  ensure_content /etc/apt/apt.conf.d/99-docker-worker 644 <<'CONTENT'
// New images are built instead.
APT::Periodic::Enable "0";
APT::Periodic::Update-Package-Lists "0";
APT::Periodic::Unattended-Upgrade "0";
CONTENT
}

# Ubuntu's image enables universe by default; this only waits until other processes release apt.
await_cloud_init() {
  has cloud-init || return 0
  is_booted || return 0
  if is_dry_run; then
    say 'would wait for cloud-init, which may be installing packages'
  else
    # 2: cloud-init finished with recoverable errors.
    cloud-init status --wait >/dev/null || [[ $? == 2 ]] || fail 'cloud-init failed; see /var/log/cloud-init.log.'
  fi
}

parse_arguments "$@"
require_root
await_cloud_init
keep_still
ensure_packages "${PACKAGES[@]}"

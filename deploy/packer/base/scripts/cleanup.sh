#!/bin/bash
# The last script of an image: removes the data of the machine on which it was built, so that each machine started from
# the image creates its own: host keys, identity, logs, cloud-init state, the builder's keys, uploads.
#
# usage: cleanup.sh [--dry-run]
#   IS_IMAGE   yes (default): this machine becomes an image. no: only uploads are removed (Vagrant)
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

# cloud-init creates host keys and the account's authorized_keys at each machine's first start. Without it they would be
# missing, and logging in would be impossible.
clean_cloud_init() {
  if ! has cloud-init; then
    say 'there is no cloud-init here: host keys, authorized keys and the identity of the machine stay'
    return 0
  fi
  ensure_absent /var/lib/cloud/instances /var/lib/cloud/instance /var/lib/cloud/sem
  local path
  for path in "$ROOT_DIR"/etc/ssh/ssh_host_*; do ensure_absent "${path#"$ROOT_DIR"}"; done
  for path in "$ROOT_DIR"/root/.ssh/authorized_keys "$ROOT_DIR"/home/*/.ssh/authorized_keys; do
    ensure_absent "${path#"$ROOT_DIR"}"
  done
  ensure_empty /etc/machine-id
}

clean_logs() {
  local path
  ensure_absent /var/log/journal /var/log/apt /var/log/cloud-init.log /var/log/cloud-init-output.log
  for path in "$ROOT_DIR"/var/log/*.log "$ROOT_DIR"/var/log/syslog "$ROOT_DIR"/var/log/wtmp "$ROOT_DIR"/var/log/btmp; do
    [[ ! -f $path ]] || ensure_empty "${path#"$ROOT_DIR"}"
  done
  for path in "$ROOT_DIR"/var/log/*.gz "$ROOT_DIR"/var/log/*.1; do ensure_absent "${path#"$ROOT_DIR"}"; done
}

has_package_files() { compgen -G '/var/cache/apt/archives/*.deb' >/dev/null || compgen -G '/var/lib/apt/lists/*_*' >/dev/null; }
remove_package_files() {
  apt-get clean
  rm -rf /var/lib/apt/lists/*_*
}
clean_packages() {
  [[ -z $ROOT_DIR ]] || return 0
  ! has_package_files || change 'remove package lists and downloaded packages' remove_package_files
}

clean_accounts() {
  local home
  for home in /root "$ROOT_DIR"/home/*; do
    home=${home#"$ROOT_DIR"}
    ensure_absent "$home/.bash_history" "$home/.cache" "$home/.npm" "$home/.docker/config.json" "$home/.wget-hsts"
  done
}

parse_arguments "$@"
require_root
ensure_absent /tmp/docker-worker-upload
if [[ ${IS_IMAGE:-yes} == yes ]]; then
  clean_accounts
  clean_packages
  clean_logs
  clean_cloud_init
fi

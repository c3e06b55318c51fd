#!/bin/bash
# Builds the kernel modules v4l2loopback and snd-aloop for the kernel that the machine will boot, and sets the number of
# loopback devices (deploy/template/etc/modprobe.d/docker-worker.conf is the only place that defines it).
#
# usage: kernel.sh [--dry-run]
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

MODULES=(v4l2loopback snd-aloop)

# Prints the kernel that the boot loader chooses, which is the newest one; nothing in a container without a kernel.
next_kernel() {
  local path kernels=()
  for path in /lib/modules/*/modules.dep; do
    [[ ! -f $path ]] || kernels+=("$(basename "$(dirname "$path")")")
  done
  ((${#kernels[@]} == 0)) || printf '%s\n' "${kernels[@]}" | sort -V | tail -n 1
}

is_ubuntu() { grep -q '^ID=ubuntu$' /etc/os-release; }

# Ubuntu packages sound modules for cloud kernels separately.
ensure_ubuntu_kernel() {
  # 6.8.0-1021-aws, 6.8.0-45-generic, …
  local kind=${1##*-}
  case $kind in
    aws) ensure_packages linux-aws linux-modules-extra-aws ;;
    # The image package of the kind "generic" includes the sound modules; that of "virtual" does not.
    generic | virtual) ensure_packages linux-image-generic linux-headers-generic ;;
    *) ensure_packages linux-headers-"$kind" linux-modules-extra-"$kind" ;;
  esac
  ensure_held linux-aws linux-image-aws linux-headers-aws linux-modules-extra-aws linux-image-generic linux-headers-generic
}

# Debian's "cloud" kernels have no sound modules.
ensure_debian_kernel() {
  local architecture
  architecture=$(dpkg --print-architecture)
  ensure_packages "linux-image-$architecture" "linux-headers-$architecture"
}

has_module() { modinfo -k "$1" "$2" >/dev/null 2>&1; }

build_modules() {
  local version
  version=$(dpkg-query -W -f '${source:Upstream-Version}' v4l2loopback-dkms)
  dkms install --force "v4l2loopback/$version" -k "$1" >/dev/null ||
    fail "dkms could not build for $1; see /var/lib/dkms/v4l2loopback/*/build/make.log."
  depmod "$1"
}

# A module built with another limit on the number of devices has to be rebuilt.
ensure_video_module() {
  local kernel=$1 must_rebuild=$2
  ensure_packages dkms v4l2loopback-dkms
  if [[ $must_rebuild == yes ]] && has_module "$kernel" v4l2loopback && ! is_dry_run; then
    dkms remove "v4l2loopback/$(dpkg-query -W -f '${source:Upstream-Version}' v4l2loopback-dkms)" -k "$kernel" >/dev/null || true
  fi
  has_module "$kernel" v4l2loopback || change "build v4l2loopback for $kernel" build_modules "$kernel"
}

ensure_modules() {
  local kernel module
  kernel=$(next_kernel)
  ensure_video_module "$kernel" "$1"
  is_dry_run && return 0
  for module in "${MODULES[@]}"; do
    has_module "$kernel" "$module" || fail "the kernel $kernel has no module $module." \
      'On Ubuntu it is in linux-modules-extra-*, on Debian in the kernels that are not "cloud".'
  done
}

# Loads the modules now if possible, for machines that are not rebooted.
load_modules() {
  local module
  is_booted || return 0
  for module in "${MODULES[@]}"; do
    has_module "$(uname -r)" "$module" || continue
    [[ -d /sys/module/${module//-/_} ]] || change "load $module" modprobe "$module"
  done
}

parse_arguments "$@"
require_root
ensure_template_file /etc/dkms/v4l2loopback.conf
bound_changed=$changed_file
ensure_template_file /etc/modprobe.d/docker-worker.conf
ensure_template_file /etc/modules-load.d/docker-worker.conf
kernel=$(next_kernel)
if [[ -n $ROOT_DIR || -z $kernel ]]; then
  say 'there is no kernel here: no modules are built'
else
  if is_ubuntu; then ensure_ubuntu_kernel "$kernel"; else ensure_debian_kernel; fi
  ensure_modules "$bound_changed"
  load_modules
fi

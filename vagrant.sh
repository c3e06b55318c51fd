#!/bin/bash
# Sets up a virtual machine for development like the machines of production: the same packages, Docker engine, Node and
# loopback devices, by the same scripts. `vagrant up` runs it; on any other Ubuntu or Debian machine run it by hand, then
# reboot once. Safe to run again.
#
# usage: ./vagrant.sh [--dry-run] [--user NAME]
#   --user NAME      who develops here, and so may use docker (default: who called sudo, or you)
#   NODE_VERSION, DOCKER_VERSION, CONTAINERD_VERSION, PACKAGE_SOURCE: as in deploy/packer/base/scripts
set -euo pipefail

# The versions that the images of production have (deploy/variables.ts, deploy/packer/base.json).
export NODE_VERSION=${NODE_VERSION:-24.18.0}
export DOCKER_VERSION=${DOCKER_VERSION:-28.5.2}
export CONTAINERD_VERSION=${CONTAINERD_VERSION:-1.7.29}

# Vagrant runs a copy of this script from another place.
find_repository() {
  local folder
  for folder in "$(dirname "${BASH_SOURCE[0]}")" /vagrant /worker; do
    if [[ -f $folder/deploy/packer/lib/ensure.sh ]]; then
      (cd "$folder" && pwd)
      return 0
    fi
  done
  printf 'vagrant.sh: this checkout of docker-worker is neither beside the script nor at /vagrant or /worker\n' >&2
  return 1
}

user=${SUDO_USER:-$(id -un)}
dry_run=()
while (($# > 0)); do
  case $1 in
    --dry-run) dry_run=(--dry-run) ;;
    --user)
      user=${2:?--user needs a name}
      shift
      ;;
    -h | --help)
      sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      printf 'vagrant.sh: unknown argument "%s"; it takes --dry-run, --user and --help\n' "$1" >&2
      exit 1
      ;;
  esac
  shift
done

repository=$(find_repository)
export PROVISION_DIR=$repository/deploy/packer
# In the checkout the templates are beside the scripts' folder, not in it.
export TEMPLATE_DIR=$repository/deploy/template
# shellcheck source=deploy/packer/lib/ensure.sh
source "$PROVISION_DIR/lib/ensure.sh"
((${#dry_run[@]} == 0)) || DRY_RUN=1
export DRY_RUN
require_root

run_scripts() {
  local name
  for name in packages kernel docker node system; do "$PROVISION_DIR/base/scripts/$name.sh"; done
}

# vagrant ssh sends these variables (Vagrantfile); the server has to take them.
accept_environment() {
  ensure_content /etc/ssh/sshd_config.d/60-docker-worker.conf 644 <<<'AcceptEnv TASKCLUSTER_*'
  if [[ $changed_file == yes ]] && is_booted && ! is_dry_run; then systemctl -q reload ssh; fi
}

is_member() { id -nG "$user" | tr ' ' '\n' | grep -qx docker; }

add_to_docker_group() {
  [[ $user != root ]] || return 0
  if is_dry_run && ! getent group docker >/dev/null; then
    say "would let $user use docker"
    return 0
  fi
  is_member || change "let $user use docker" usermod --append --groups docker "$user"
}

# Where Vagrant did not mount them.
ensure_names() {
  local path
  for path in /vagrant /worker; do
    [[ -e $path ]] || ensure_link "$repository" "$path"
  done
}

run_scripts
# What the tests and builds use besides: git, and programs that play and record on the loopback devices.
ensure_packages git make alsa-utils v4l-utils docker-registry apache2-utils
accept_environment
add_to_docker_group
ensure_names
say 'done; reboot once if a kernel was installed, then: cd /vagrant && ./build.sh && npm test'

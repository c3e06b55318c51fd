#!/bin/bash
# Builds the image for machines of packet.net (later Equinix Metal) as custom images need it: four tarballs in
# deploy/packet. `deploy/bin/build packet` runs this after creating deploy.tar.gz and docker-worker.tar.gz.
#
# The image is based on the docker image "ubuntu_24_04-base", which the provider's tool creates. In a checkout of
# https://github.com/packethost/packet-images, run (perhaps twice):
#
#   sudo ./tools/build.sh -d ubuntu_24_04 -p t1.small.x86 -a x86_64 -b ubuntu_24_04-t1.small.x86-dev
#
# usage: deploy/bin/build-packet.sh [--dry-run] [--image NAME]
#   --image NAME   another docker image as the base
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
image=ubuntu_24_04-base
output=$deploy/packet
dry_run=no

fail() {
  printf 'build-packet.sh: %s\n' "$1" >&2
  (($# == 1)) || printf '  %s\n' "${@:2}" >&2
  exit 1
}

run() {
  if [[ $dry_run == yes ]]; then
    printf 'would run: %s\n' "$*"
  else
    "$@" || fail "$1 failed; see its output."
  fi
}

check_tools() {
  local version
  command -v docker >/dev/null || fail 'docker: not found.' 'Install Docker Engine (https://docs.docker.com/engine/install/).'
  command -v packer >/dev/null || fail 'packer: not found.' 'Install HashiCorp packer (https://developer.hashicorp.com/packer/install).'
  # cracklib's program has the same name, but no version.
  version=$(packer version 2>/dev/null | sed -n 's/^Packer v//p')
  [[ -n $version ]] || fail "$(command -v packer) is not HashiCorp packer (cracklib has a program of that name)."
  # Since 1.10 packer does not include any plugins; `packer plugins installed` prints their paths.
  if [[ $(printf '%s\n' 1.10 "$version" | sort -V | head -n 1) == 1.10 ]] &&
    ! packer plugins installed | grep -q '/packer-plugin-docker_v'; then
    fail "packer: the plugin docker is missing; packer $version does not include it." \
      'Install it: packer plugins install github.com/hashicorp/docker'
  fi
}

check_inputs() {
  local file
  docker info >/dev/null 2>&1 || fail 'docker does not answer.' 'Start it, and add yourself to the group "docker".'
  docker image inspect "$image" >/dev/null 2>&1 || fail "there is no docker image $image." "See $0 --help for how to create it."
  for file in deploy.tar.gz docker-worker.tar.gz; do
    [[ -f $deploy/$file ]] || fail "$deploy/$file is missing." 'Run deploy/bin/build packet, which creates it and then this image.'
  done
}

# The versions from deploy.json; if it has none, those from packet.json.
version_flags() {
  [[ -f $deploy/deploy.json ]] || return 0
  # shellcheck disable=SC2016 # JavaScript's own variables
  node -e '
    const values = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    for (const name of ["nodeVersion", "dockerVersion"]) if (values[name]) console.log(`-var=${name}=${values[name]}`);
  ' "$deploy/deploy.json"
}

# The provider needs the files that boot the machine apart from its file system.
split_image() {
  local root=$output/root kernel
  rm -rf "$root"
  mkdir -p "$root"
  tar -xf "$output/image.tar" -C "$root"
  kernel=$(find "$root/boot" -name 'vmlinuz-*' -printf '%f\n' | sort -V | tail -n 1)
  [[ -n $kernel ]] || fail "$image has no kernel in /boot." 'Use an image for a kind of machine; see --help.'
  tar -czf "$output/kernel.tar.gz" -C "$root/boot" "$kernel"
  tar -czf "$output/initrd.tar.gz" -C "$root/boot" "initrd.img-${kernel#vmlinuz-}"
  tar -czf "$output/modules.tar.gz" -C "$root" "./lib/modules/${kernel#vmlinuz-}"
  tar -czf "$output/image.tar.gz" -C "$root" .
  rm -rf "$root" "$output/image.tar"
}

while (($# > 0)); do
  case $1 in
    --dry-run) dry_run=yes ;;
    --image)
      image=${2:-}
      [[ -n $image ]] || fail '--image needs the name of a docker image.'
      shift
      ;;
    -h | --help)
      sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown argument \"$1\"; it takes --dry-run, --image and --help." ;;
  esac
  shift
done

export CHECKPOINT_DISABLE=1
check_tools
if [[ $dry_run == no ]]; then
  check_inputs
  # Root owns the files and their folder: the image contains the deployment's secrets.
  install -d -m 700 "$output"
fi
mapfile -t flags < <(version_flags)
run packer build "${flags[@]}" "-var=image=$image" "-var=output=$output/image.tar" "$deploy/packer/packet.json"
run split_image
[[ $dry_run == yes ]] || printf 'image.tar.gz, kernel.tar.gz, initrd.tar.gz and modules.tar.gz are in %s\n' "$output"

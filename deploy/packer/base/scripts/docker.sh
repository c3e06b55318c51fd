#!/bin/bash
# Installs the Docker engine: the pinned version of Docker CE from Docker's own repository, held at that version.
# PACKAGE_SOURCE=distribution installs the distribution's docker.io, for machines that can't reach Docker's repository.
#
# usage: docker.sh [--dry-run]
#   DOCKER_VERSION       e.g. 28.5.2, or as the repository spells it, 5:28.5.2-1~ubuntu.24.04~noble
#   CONTAINERD_VERSION   e.g. 1.7.29, or as the repository spells it
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

REPOSITORY=https://download.docker.com/linux
KEY_FINGERPRINT=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
KEYRING=/etc/apt/keyrings/docker.asc

distribution() {
  # shellcheck disable=SC1091
  (source /etc/os-release && printf '%s %s\n' "$ID" "$VERSION_CODENAME")
}

fingerprints() { gpg --batch --show-keys --with-colons "$1" 2>/dev/null | awk -F: '$1 == "fpr" { print $10 }'; }

# Needs the internet.
fetch_repository_key() {
  local file
  file=$(mktemp)
  curl --fail --silent --show-error --location --proto '=https' --retry 5 --output "$file" "$REPOSITORY/$1/gpg" ||
    fail "$REPOSITORY/$1/gpg could not be downloaded." 'Can this machine reach the internet?'
  # The first is the key itself; the others are its subkeys.
  [[ $(fingerprints "$file" | head -n 1) == "$KEY_FINGERPRINT" ]] ||
    fail "$REPOSITORY/$1/gpg is no longer the key $KEY_FINGERPRINT." "Compare with Docker's documentation."
  install -D -m 644 "$file" "$ROOT_DIR$KEYRING"
  rm -f "$file"
}

ensure_repository() {
  local id codename
  read -r id codename < <(distribution)
  [[ -f $ROOT_DIR$KEYRING && $(fingerprints "$ROOT_DIR$KEYRING" | head -n 1) == "$KEY_FINGERPRINT" ]] ||
    change "trust Docker's repository ($KEYRING)" fetch_repository_key "$id"
  ensure_content /etc/apt/sources.list.d/docker.list 644 <<CONTENT
deb [arch=$(dpkg --print-architecture) signed-by=$KEYRING] $REPOSITORY/$id $codename stable
CONTENT
}

# spelled_as VERSION WANTED: returns whether WANTED is VERSION, or the part of it that Docker calls its version.
spelled_as() { [[ $1 == "$2" || ${1#*:} == "$2"-* ]]; }

# package_version NAME VERSION: prints the version as the repository spells it.
package_version() {
  local versions version
  mapfile -t versions < <(apt-cache madison "$1" | awk '{ print $3 }')
  for version in "${versions[@]}"; do
    if spelled_as "$version" "$2"; then
      printf '%s' "$version"
      return 0
    fi
  done
  fail "Docker's repository has no $1 $2." "It has: ${versions[*]:0:10}"
}

is_version() { spelled_as "$(installed_version "$1")" "$2"; }

ensure_docker_ce() {
  require_variable DOCKER_VERSION 'the version of Docker CE, e.g. 28.5.2'
  require_variable CONTAINERD_VERSION 'the version of containerd.io, e.g. 1.7.29'
  ensure_repository
  if ! is_version docker-ce "$DOCKER_VERSION" || ! is_version docker-ce-cli "$DOCKER_VERSION" ||
    ! is_version containerd.io "$CONTAINERD_VERSION"; then
    if is_dry_run; then
      say "would install docker-ce and docker-ce-cli $DOCKER_VERSION and containerd.io $CONTAINERD_VERSION"
      return 0
    fi
    update_package_lists
    local engine containerd
    engine=$(package_version docker-ce "$DOCKER_VERSION")
    containerd=$(package_version containerd.io "$CONTAINERD_VERSION")
    ensure_packages "docker-ce=$engine" "docker-ce-cli=$engine" "containerd.io=$containerd"
  fi
  ensure_held docker-ce docker-ce-cli containerd.io
}

parse_arguments "$@"
require_root
case $PACKAGE_SOURCE in
  upstream) ensure_docker_ce ;;
  distribution) ensure_packages docker.io ;;
  *) fail "PACKAGE_SOURCE is \"$PACKAGE_SOURCE\"; it must be upstream or distribution." ;;
esac
is_dry_run || has dockerd || fail 'dockerd is not on PATH after the installation.'
ensure_enabled docker.service containerd.service

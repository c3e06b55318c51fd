#!/bin/bash
# Replaces the programs that install packages when called by their names (links to this file): dpkg, dpkg-query,
# apt-get, apt-cache, apt-mark, systemctl, gpg and curl. The folder FAKE_MACHINE has:
#
#   installed      lines "name version"
#   repository     lines "name version": the available packages
#   fingerprint    the fingerprint that gpg prints for any key
#   web/<name>     the files that curl downloads, by the last part of the address
#   held, enabled  lines of names
#   calls          each call that changes something
set -euo pipefail

machine=${FAKE_MACHINE:?}
program=${0##*/}
touch "$machine"/{installed,repository,held,enabled}

changed() { printf '%s %s\n' "$program" "$*" >>"$machine/calls"; }
last() { printf '%s' "${!#}"; }
version_in() { awk -v name="$2" '$1 == name { print $2 }' "$machine/$1" | head -n 1; }

install_packages() {
  local argument name version
  for argument in "$@"; do
    [[ $argument != -* && $argument != *::* && $argument != install ]] || continue
    name=${argument%%=*}
    version=$(version_in repository "$name")
    [[ $argument != *=* ]] || version=${argument#*=}
    grep -qxF "$name $version" "$machine/repository" || exit 100
    sed -i "/^$name /d" "$machine/installed"
    printf '%s %s\n' "$name" "$version" >>"$machine/installed"
    printf 'install %s=%s\n' "$name" "$version" >>"$machine/calls"
  done
}

case $program in
  dpkg) printf 'amd64\n' ;;
  dpkg-query)
    version=$(version_in installed "$(last "$@")")
    [[ -n $version ]] || exit 1
    if [[ $* == *Status* ]]; then printf 'ii '; else printf '%s' "$version"; fi
    ;;
  apt-get) if [[ $1 == install ]]; then install_packages "$@"; else changed "$@"; fi ;;
  apt-cache) awk -v name="$2" '$1 == name { print name, "|", $2, "| somewhere" }' "$machine/repository" | sed 's/ | / | /' ;;
  apt-mark)
    if [[ $* == showhold ]]; then cat "$machine/held"; else last "$@" >>"$machine/held" && printf '\n' >>"$machine/held"; fi
    ;;
  systemctl)
    unit=$(last "$@")
    case $* in
      *is-enabled*) if grep -qxF "$unit" "$machine/enabled"; then printf 'enabled\n'; else printf 'disabled\n'; fi ;;
      *enable*) printf '%s\n' "$unit" >>"$machine/enabled" ;;
    esac
    ;;
  gpg) printf 'pub:::::::::\nfpr:::::::::%s:\n' "$(cat "$machine/fingerprint")" ;;
  dockerd) ;;
  curl)
    url=$(last "$@")
    output=
    while (($# > 0)); do
      [[ $1 != --output ]] || output=$2
      shift
    done
    cp "$machine/web/${url##*/}" "$output" 2>/dev/null || exit 22
    ;;
  *) exit 127 ;;
esac

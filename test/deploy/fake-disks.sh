#!/bin/bash
# Replaces the programs that inspect disks and change them when called by their names (links to this file): lsblk,
# findmnt, blkid, LVM's, mkfs.ext4, e2fsck, mount, mountpoint and curl. They see the machine described by the folder
# FAKE_MACHINE:
#
#   disks/<name>/   one for each disk, with files model, size, parts (names of partitions), mountpoint, signature and
#                   table where it has them, and group (the volume group that it is part of)
#   root            names of the disks of the root file system
#   metadata/       the metadata service's answers, by path
#   group, volume, file-system, mounted, damaged, missing   their state
#   calls           each call that changes something
set -euo pipefail

machine=${FAKE_MACHINE:?}
program=${0##*/}
disks=$machine/disks

changed() { printf '%s %s\n' "$program" "$*" >>"$machine/calls"; }
of() { cat "$disks/$(basename "$1")/$2" 2>/dev/null || true; }
last() { printf '%s' "${!#}"; }

lsblk() {
  local disk
  disk=$(last "$@")
  case $* in
    *'--output NAME,TYPE'*) for disk in "$disks"/*; do printf '%s disk\n' "$FAKE_DEV/$(basename "$disk")"; done ;;
    *'--output MODEL'*) of "$disk" model ;;
    *--inverse*) sed "s|^|$FAKE_DEV/|" "$machine/root" ;;
    *'--output NAME'*) printf '%s\n' "$(basename "$disk")" && of "$disk" parts ;;
    *'--output MOUNTPOINT'*) of "$disk" mountpoint ;;
    *'--output SIZE'*) for disk in "$@"; do [[ $disk != /* ]] || of "$disk" size; done ;;
    *) exit 1 ;;
  esac
}

blkid() {
  local disk file
  disk=$(last "$@")
  if [[ $disk == /dev/docker-worker/* ]]; then
    cat "$machine/file-system"
    return
  fi
  file=signature
  [[ $* != *PTTYPE* ]] || file=table
  [[ -s $disks/$(basename "$disk")/$file ]] && of "$disk" "$file"
}

case $program in
  lsblk) lsblk "$@" ;;
  findmnt) printf '/dev/root\n' ;;
  blkid) blkid "$@" ;;
  pvs) of "$(last "$@")" group ;;
  vgs)
    [[ -f $machine/group ]] || exit 5
    [[ $* != *missing* ]] || cat "$machine/missing" 2>/dev/null || printf '0\n'
    ;;
  lvs) [[ -f $machine/volume ]] ;;
  mountpoint) [[ -f $machine/mounted ]] ;;
  pvcreate) changed "$@" ;;
  vgcreate)
    changed "$@"
    touch "$machine/group"
    for disk in "$@"; do [[ $disk != /* ]] || printf 'docker-worker\n' >"$disks/$(basename "$disk")/group"; done
    ;;
  vgreduce)
    changed "$@"
    rm -f "$machine/missing" "$machine/volume"
    ;;
  vgremove)
    changed "$@"
    rm -f "$machine/group" "$disks"/*/group "$machine/file-system"
    ;;
  lvcreate)
    changed "$@"
    touch "$machine/volume"
    ;;
  vgchange) ;;
  mkfs.ext4)
    changed "$@"
    printf 'ext4\n' >"$machine/file-system"
    ;;
  e2fsck) [[ ! -f $machine/damaged ]] || exit 4 ;;
  mount)
    changed "$@"
    touch "$machine/mounted"
    ;;
  curl)
    url=$(last "$@")
    path=${url#*/latest/}
    [[ -n $path ]] || path=.
    path=$machine/metadata/${path%/}
    if [[ -d $path ]]; then ls "$path"; else cat "$path" 2>/dev/null || exit 22; fi
    ;;
  *) exit 127 ;;
esac

#!/bin/bash
# Makes the root file system of the guest: a bare Debian with a kernel, an SSH server, Node, the module v4l2loopback as the
# provisioning scripts would have it compiled, and what the tests use. The other packages that the scripts want are only
# downloaded, for the scripts to install: the guest has no network.
#
# usage: test/vm/build-rootfs.sh DIR      writes DIR/root, DIR/vmlinuz, DIR/initrd.img and the key pair DIR/ssh-key
#   MIRROR   Debian mirror; default: this machine's own
set -euo pipefail

if [[ $# != 1 || $1 == --help ]]; then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
  [[ ${1:-} == --help ]] && exit 0 || exit 2
fi
directory=$(realpath -m "$1")
root=$directory/root
# Compiled for the kernel, which an emulated machine would take many minutes for.
COMPILED=(dkms v4l2loopback-dkms)
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Any of these files may not be there.
own_mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null || true; } |
    grep -oE '^[^#]*https?://[^ ]+/debian/?( |$)' | grep -oE 'https?://[^ ]+' | head -n 1 || true
}
mirror=${MIRROR:-$(own_mirror)}
mirror=${mirror:-http://deb.debian.org/debian}

# What is mounted here is seen here alone, and goes away with this process.
if [[ -z ${IN_NAMESPACE:-} ]]; then
  IN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$directory"
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

inside() {
  chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
    DEBIAN_FRONTEND=noninteractive "$@"
}
# quietly PROGRAM…: what it says is shown only if it fails.
quietly() {
  "$@" >"$directory/rootfs.log" 2>&1 && return 0
  tail -n 20 "$directory/rootfs.log" >&2
  printf 'failed: %s\n' "$*" >&2
  exit 1
}
install_inside() { quietly inside apt-get install -y -qq --no-install-recommends "$@"; }

make_system() {
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  quietly debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,udev,kmod,iproute2,ca-certificates,procps,dbus,openssh-server \
    bookworm "$root" "$mirror"
  # Nothing is started in here.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  inside apt-get update -qq
}

# The modules that the guest boots with are written down: there is nothing to look at here.
install_kernel() {
  mkdir -p "$root/etc/initramfs-tools"
  install_inside initramfs-tools lz4
  sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=lz4/' "$root/etc/initramfs-tools/initramfs.conf"
  printf '%s\n' virtio_pci virtio_blk ext4 virtio_net 9p 9pnet_virtio >>"$root/etc/initramfs-tools/modules"
  install_inside linux-image-amd64 linux-headers-amd64 gcc make
  cp "$root"/boot/vmlinuz-* "$directory/vmlinuz"
  cp "$root"/boot/initrd.img-* "$directory/initrd.img"
}

# The one that runs the tests here: it needs nothing but the C library.
install_node() {
  install -m 755 "$(command -v node)" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -a "$(npm root -g)/npm" "$root/usr/local/lib/node_modules/"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  inside node --version >/dev/null
}

# What the scripts say that they would install, and what the tests use. The lists stay: apt finds all in its cache.
install_packages() {
  local packages script kernel
  install -D -m 644 "$repository/deploy/template/etc/dkms/v4l2loopback.conf" "$root/etc/dkms/v4l2loopback.conf"
  install_inside "${COMPILED[@]}" alsa-utils v4l-utils git
  kernel=$(basename "$root"/lib/modules/*)
  quietly inside dkms autoinstall -k "$kernel"
  inside modinfo -k "$kernel" v4l2loopback >/dev/null
  mkdir -p "$root/mnt/provision"
  cp -a "$repository/deploy/packer/." "$root/mnt/provision/"
  cp -a "$repository/deploy/template" "$root/mnt/provision/"
  packages=$(for script in packages kernel docker; do
    inside env DRY_RUN=1 PACKAGE_SOURCE=distribution "/mnt/provision/base/scripts/$script.sh"
  done | sed -n 's/^.*: would install //p')
  rm -rf "$root/mnt/provision"
  # shellcheck disable=SC2086
  install_inside --download-only $packages
}

configure() {
  printf 'guest\n' >"$root/etc/hostname"
  printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
  printf '/dev/vda / ext4 defaults,noatime 0 1\n' >"$root/etc/fstab"
  # No way out: no gateway, no name server (this machine's had been copied).
  : >"$root/etc/resolv.conf"
  printf '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\n' >"$root/etc/systemd/network/10-eth0.network"
  # It boots with a kernel and an initrd that are outside of it.
  printf 'update_initramfs=no\n' >"$root/etc/initramfs-tools/update-initramfs.conf"
  inside systemctl -q enable systemd-networkd ssh
  inside systemctl -q mask systemd-timesyncd getty@tty1 serial-getty@ttyS0 systemd-networkd-wait-online
  # This repository, as the machine that runs the tests has it.
  mkdir -p "$root/repo"
  printf 'repo /repo 9p trans=virtio,version=9p2000.L,msize=512000,cache=loose,nofail 0 0\n' >>"$root/etc/fstab"
  [[ -f $directory/ssh-key ]] || ssh-keygen -q -t ed25519 -N '' -f "$directory/ssh-key"
  install -d -m 700 "$root/root/.ssh"
  install -m 600 "$directory/ssh-key.pub" "$root/root/.ssh/authorized_keys"
}

make_system
install_kernel
install_node
install_packages
configure
rm -f "$root/usr/sbin/policy-rc.d"
umount "$root/dev" "$root/proc"

#!/bin/bash
# Boots the guest, in this process, until it is powered off: a whole machine in software, with this repository at /repo, two
# empty disks besides its own, and an SSH server. What it writes to its disks stays in DIR.
#
# usage: test/vm/boot.sh DIR PORT      DIR has root.img, vmlinuz and initrd.img; PORT of 127.0.0.1 leads to the SSH server
#   VM_MEMORY   MiB, default 4096
#   VM_CPUS     default 2
set -euo pipefail

if [[ $# != 2 || $1 == --help ]]; then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
  [[ ${1:-} == --help ]] && exit 0 || exit 2
fi
directory=$1
port=$2
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

disk() { printf 'file=%s,if=virtio,format=raw,cache=unsafe' "$1"; }

# On a machine that is busy with other things, an emulated one may stand still for a minute.
patience='nowatchdog systemd.default_timeout_start_sec=900 udev.event_timeout=900'

exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-4096}" \
  -nographic -nodefaults -serial stdio \
  -kernel "$directory/vmlinuz" -initrd "$directory/initrd.img" \
  -append 'root=/dev/vda rw console=ttyS0 quiet loglevel=3 net.ifnames=0 apparmor=0 mitigations=off '"$patience" \
  -drive "$(disk "$directory/root.img")" -drive "$(disk "$directory/storage-1.img")" \
  -drive "$(disk "$directory/storage-2.img")" \
  -virtfs "local,path=$repository,mount_tag=repo,security_model=none,multidevs=remap" \
  -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net \
  -device virtio-rng-pci </dev/null

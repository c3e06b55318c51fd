#!/bin/bash
# The tests that need a whole machine, with systemd, kernel modules and disks of its own: a guest in QEMU (`npm run test:vm`).
#
#   1. builds the root file system of the guest, a bare Debian, unless there is one already (some minutes)
#   2. boots it, and has packer run the provisioning scripts of base and app on it over SSH, each twice: the second time
#      nothing may change
#   3. boots it again, and there runs the tests in test/vm, and those of devices and privileges, on real loopback devices
#
# usage: test/vm/run.sh [--keep] [--rebuild]
#   --keep      leave the guest running at the end, also after a failure, and say how to log in
#   --rebuild   make the root file system anew
#   VM_DIR      where files are kept; default: /var/cache/docker-worker-vm (6 GB)
#   VM_TESTS    mocha's files and options in the guest; default: as above
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

directory=${VM_DIR:-/var/cache/docker-worker-vm}
keep=no
rebuild=no
port=
guest=
export CHECKPOINT_DISABLE=1

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
fail() {
  printf 'test:vm: %s\n' "$@" >&2
  exit 1
}

install_tools() {
  local missing=()
  command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v packer >/dev/null || missing+=(packer)
  command -v ssh >/dev/null || missing+=(openssh-client)
  ((${#missing[@]} == 0)) || scripts/apt-install.sh "${missing[@]}"
}

fingerprint() { cat test/vm/build-rootfs.sh deploy/packer/base/scripts/{packages,kernel,docker}.sh | sha256sum; }

ensure_root_file_system() {
  [[ $rebuild == no && $(cat "$directory/fingerprint" 2>/dev/null) == $(fingerprint) ]] && return 0
  say 'building the root file system of the guest'
  rm -f "$directory/fingerprint"
  test/vm/build-rootfs.sh "$directory"
  fingerprint >"$directory/fingerprint"
}

# The guest reaches no registry: its npm has the packages in its cache.
add_npm_cache() {
  rm -rf "$directory/root/var/cache/npm"
  cp -a "$directory/npm-cache" "$directory/root/var/cache/npm"
  mkdir -p "$directory/root/usr/local/etc"
  printf 'cache=/var/cache/npm\noffline=true\n' >"$directory/root/usr/local/etc/npmrc"
}

make_disks() {
  rm -f "$directory"/*.img.tmp "$directory/root.img" "$directory"/storage-?.img
  mke2fs -q -t ext4 -F -E lazy_itable_init=1,lazy_journal_init=1 -d "$directory/root" "$directory/root.img" 6G
  truncate -s 2G "$directory/storage-1.img" "$directory/storage-2.img"
}

free_port() {
  node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# A guest that stands still for minutes, because this machine is busy, is not given up.
in_guest() {
  ssh -i "$directory/ssh-key" -p "$port" -o LogLevel=ERROR -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 -o ServerAliveInterval=15 -o ServerAliveCountMax=40 root@127.0.0.1 "$@"
}

boot() {
  local tries=90
  port=$(free_port)
  test/vm/boot.sh "$directory" "$port" >>"$directory/console.log" 2>&1 &
  guest=$!
  until in_guest true 2>/dev/null; do
    kill -0 "$guest" 2>/dev/null || fail "the guest ended; see $directory/console.log"
    ((--tries > 0)) || fail "the guest's SSH server does not answer; see $directory/console.log"
    sleep 2
  done
}

power_off() {
  [[ -n $guest ]] || return 0
  in_guest 'sync; systemctl poweroff' 2>/dev/null || true
  wait "$guest" || true
  guest=
}

wait_for_guest() {
  printf 'the guest runs on: ssh -i %s -p %s root@127.0.0.1\n' "$directory/ssh-key" "$port"
  wait "$guest" || true
}

# shellcheck disable=SC2317 # called by trap
clean_up() {
  local code=$?
  [[ -n $guest ]] || exit "$code"
  if [[ $keep == yes ]] && kill -0 "$guest" 2>/dev/null; then wait_for_guest; fi
  kill "$guest" 2>/dev/null || true
  exit "$code"
}

# provision NAME VARIABLE...
provision() {
  local name=$1 flags=() variable
  shift
  for variable in "$@"; do flags+=("-var=$variable"); done
  node test/vm/null-template.mjs "deploy/packer/$name.json" "$port" "$directory/ssh-key" >"$directory/$name.json"
  packer build -color=false -only=hvm-builder "${flags[@]}" "$directory/$name.json" | tee "$directory/$name.log"
}

# Logs are written by the machine itself, and what is uploaded is new each time.
changes_in() { grep -oE 'changed: .*' "$directory/$1.log" | grep -vE '^changed: (empty /var/log/|remove /(var/log|tmp/docker-worker-upload))' || true; }

provision_twice() {
  local changes
  say "provisioning: $1"
  provision "$@"
  [[ -n $(changes_in "$1") ]] || fail "provisioning $1 changed nothing"
  say "provisioning: $1, again"
  provision "$@"
  changes=$(changes_in "$1")
  [[ -z $changes ]] || fail "provisioning $1 again changed something:" "$changes"
}

for argument in "$@"; do
  case $argument in
    --keep) keep=yes ;;
    --rebuild) rebuild=yes ;;
    -h | --help)
      sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown argument \"$argument\"; it takes --keep, --rebuild and --help" ;;
  esac
done
[[ $(id -u) == 0 ]] || fail 'this makes a root file system, which takes root.'
mkdir -p "$directory"
directory=$(realpath "$directory")
install_tools
./build.sh
ensure_root_file_system
say 'packing the worker and its configuration'
node --import tsx test/vm/pack-machine.ts "$directory"
add_npm_cache
make_disks
trap clean_up EXIT
: >"$directory/console.log"
say 'booting the guest'
boot
provision_twice base packageSource=distribution
provision_twice app packageSource=distribution "deployTarball=$directory/deploy.tar.gz" \
  "workerTarball=$directory/docker-worker.tar.gz"
say 'booting it again'
power_off
boot
# Answers "degraded" when a unit failed: the tests say which may.
in_guest 'systemctl is-system-running --wait' || true
say 'running the tests in the guest'
# shellcheck disable=SC2086
in_guest "cd /repo && node scripts/build-images.mjs /bin/busybox test && node node_modules/.bin/mocha --timeout 600000" \
  ${VM_TESTS:-test/vm/machine.test.ts test/integration/worker/devices.test.ts test/integration/worker/privileges.test.ts} ||
  fail "the tests in the guest ended with $? (255: the connection to it broke; see $directory/console.log)"
say 'all passed'
if [[ $keep == no ]]; then power_off; fi

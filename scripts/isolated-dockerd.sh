#!/bin/bash
# A second Docker daemon that can be killed and restarted without disturbing the first: it has its own network
# namespace (two daemons in one would share iptables chains) and its own data. Needs root and docker.io.
#
# usage: scripts/isolated-dockerd.sh start DIR [FLAG...]   start it, with further flags for dockerd; DIR may be reused
#        scripts/isolated-dockerd.sh kill DIR              SIGKILL, as in a crash; its containers keep running
#        scripts/isolated-dockerd.sh terminate DIR         SIGTERM, as systemd stops it: its containers end with it
#        scripts/isolated-dockerd.sh stop DIR              stop it and its containers, take down all but the files
#
# The engine listens on DIR/docker.sock and logs to DIR/log. A server that its containers must reach runs in the same
# namespace: nsenter --net=/run/netns/dw-<last part of DIR> ...
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# -ge 2 ]] || {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0" >&2
  exit 2
}
command=$1
dir=$(realpath -m "$2")
shift 2
namespace=dw-$(basename "$dir")
inside=(nsenter "--net=/run/netns/$namespace")

fail() {
  printf 'isolated dockerd: %s\n' "$@" >&2
  exit 1
}

create_namespace() {
  command -v ip >/dev/null || "$here/apt-install.sh" iproute2
  ip netns list | grep -qw "$namespace" || ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  "${inside[@]}" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# `ip netns exec` would remount /sys and so hide the cgroups from the daemon; nsenter does not.
launch() {
  local flags=("$@")
  if ! "$here/has-cap-sys-resource.sh"; then
    flags+=(--add-runtime "nosysres=$here/runc-nosysres" --default-runtime nosysres)
  fi
  "${inside[@]}" setsid dockerd -H "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/pid" "${flags[@]}" >>"$dir/log" 2>&1 </dev/null &
}

is_alive() { [[ -f $dir/pid && -d /proc/$(<"$dir/pid") ]]; }

await_answer() {
  local tries=900
  until DOCKER_HOST="unix://$dir/docker.sock" node "$here/docker-ping.mjs" 2>/dev/null; do
    ((--tries > 0)) || fail "no answer after 3 minutes; the end of $dir/log:" "$(tail -n 5 "$dir/log")"
    sleep 0.2
  done
}

start() {
  ! is_alive || fail "already running on $dir"
  mkdir -p "$dir"
  rm -f "$dir/pid"
  create_namespace
  launch "$@"
  await_answer
}

# Sends the signal and waits until the daemon is gone.
end() {
  local pid tries=1800
  is_alive || return 0
  pid=$(<"$dir/pid")
  kill "-$1" "$pid"
  # One that was stopped would get no signal but KILL.
  kill -CONT "$pid" 2>/dev/null || true
  while [[ -d /proc/$pid ]]; do
    ((--tries > 0)) || fail "process $pid is still there 3 minutes after SIG$1"
    sleep 0.1
  done
}

unmount_all() {
  awk -v prefix="$dir/" 'index($2, prefix) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
    umount -l "$mount"
  done
}

case $command in
  start) start "$@" ;;
  kill) end KILL ;;
  terminate) end TERM ;;
  stop)
    end TERM
    unmount_all
    ! ip netns list | grep -qw "$namespace" || ip netns del "$namespace"
    ;;
  *) fail "unknown command \"$command\"; it is one of start, kill, terminate and stop" ;;
esac

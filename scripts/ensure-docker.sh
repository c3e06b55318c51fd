#!/bin/bash
# Makes a Docker engine available for the tests and the demo, and says what it does in one line per step.
#
# usage: scripts/ensure-docker.sh [--no-docker-setup]
#
# An engine that already answers (DOCKER_HOST, else /var/run/docker.sock) is used as it is. Otherwise, on Debian and
# Ubuntu as root, docker.io is installed if needed and the daemon started: by systemd where that runs the machine, else
# directly. With --no-docker-setup nothing is installed or started: what is missing is said, and the exit code is 1.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
log_file=/var/log/docker-worker-dockerd.log
lock_file=/run/lock/docker-worker-dockerd.lock
setup=yes
[[ ${1:-} != --no-docker-setup ]] || setup=no

say() { printf 'docker: %s\n' "$*"; }
fail() {
  printf 'docker: %s\n' "$@" >&2
  exit 1
}
answers() { node "$here/docker-ping.mjs" 2>/dev/null; }
has() { command -v "$1" >/dev/null; }

install_packages() {
  local missing=()
  has dockerd || missing+=(docker.io)
  has iptables || missing+=(iptables)
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "installing ${missing[*]} with apt-get"
  "$here/apt-install.sh" "${missing[@]}"
}

# A pid file left from before a reboot may name a process that is alive but something else; the daemon then refuses to
# start, or waits for a containerd that is not there.
remove_stale_pid_file() {
  local file=$1 program=$2 pid
  [[ -f $file ]] || return 0
  pid=$(<"$file")
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$program"* ]] || rm -f "$file"
}

start_directly() {
  local flags=()
  if ! "$here/has-cap-sys-resource.sh"; then
    # A copy outside of this checkout: the daemon may outlive the checkout.
    install -D -m 755 "$here/runc-nosysres" /usr/local/lib/docker-worker/runc-nosysres
    flags=(--add-runtime nosysres=/usr/local/lib/docker-worker/runc-nosysres --default-runtime nosysres)
    say 'this machine lacks CAP_SYS_RESOURCE; the daemon gets the runtime scripts/runc-nosysres'
  fi
  remove_stale_pid_file /var/run/docker.pid dockerd
  remove_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
  say "starting dockerd (log: $log_file)"
  # The lock's descriptor must not stay open in the daemon, or the lock would be held for as long as it runs.
  setsid dockerd "${flags[@]}" >>"$log_file" 2>&1 </dev/null 9>&- &
}

start_engine() {
  if [[ -d /run/systemd/system ]]; then
    say 'starting docker.service'
    systemctl start docker
  else
    start_directly
  fi
}

await_answer() {
  local tries=150
  until answers; do
    ((--tries > 0)) || fail "the daemon does not answer after 30 s; the end of $log_file:" \
      "$(tail -n 5 "$log_file" 2>/dev/null || echo '(no log; see journalctl -u docker)')"
    sleep 0.2
  done
}

if answers; then
  say "using the engine at ${DOCKER_HOST:-/var/run/docker.sock}"
  exit 0
fi
reason=$(node "$here/docker-ping.mjs" 2>&1 || true)
[[ -z ${DOCKER_HOST:-} ]] || fail "no engine answers at DOCKER_HOST ($reason)" \
  'start that engine, or unset DOCKER_HOST to use the one of this machine.'
[[ $setup == yes ]] || fail "no engine answers ($reason)" \
  'start one, or run ./build.sh without --no-docker-setup as root on Debian or Ubuntu, which installs and starts one.'
[[ $(id -u) == 0 ]] || fail "no engine answers ($reason)" \
  'start one (and be in the group "docker"), set DOCKER_HOST, or run ./build.sh as root on Debian or Ubuntu.'
if ! { has dockerd && has iptables; } && ! has apt-get; then
  fail "no engine answers ($reason), and this is neither Debian nor Ubuntu" \
    'install Docker Engine (https://docs.docker.com/engine/install/) and start it, then run ./build.sh again.'
fi

mkdir -p "$(dirname "$lock_file")"
exec 9>"$lock_file"
flock 9
if ! answers; then
  install_packages
  # Installing the package starts the service on some machines.
  answers || start_engine
  await_answer
fi
say 'engine is up at /var/run/docker.sock'

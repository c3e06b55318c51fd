#!/bin/sh
set -e
# With cgroup v2 a group whose children are to have limits may have no process of its own.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir /sys/fs/cgroup/daemon
  while read -r pid; do echo "$pid" >/sys/fs/cgroup/daemon/cgroup.procs; done </sys/fs/cgroup/cgroup.procs
  # One line of words.
  # shellcheck disable=SC2013
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
fi
exec dockerd --host unix:///opt/dind-service/run/docker.sock --storage-driver vfs --iptables=false --bridge none

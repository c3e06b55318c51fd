#!/bin/bash
# Installs Debian packages without questions and without recommended extras; quiet unless it fails.
# usage: scripts/apt-install.sh PACKAGE...
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null; }

# The package lists of a fresh machine are empty or old: refresh them only when they turn out not to do.
if ! install "$@" && ! { apt-get update >"$log" 2>&1 && install "$@"; }; then
  tail -n 20 "$log" >&2
  printf 'apt-get could not install: %s\n' "$*" >&2
  exit 1
fi

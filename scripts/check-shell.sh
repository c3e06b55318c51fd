#!/bin/bash
# Has shellcheck look at every shell script of the checkout. Installs it where it is missing (Debian or Ubuntu, as root);
# where that is not possible it says so and objects to nothing.
#
# usage: scripts/check-shell.sh [--list]
#   --list   only print which scripts these are
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# By their name, or by their first line.
scripts() {
  git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'ls -d -- "$@" 2>/dev/null || :' sh |
    xargs -d '\n' awk 'FNR == 1 { if (FILENAME ~ /\.sh$/ || /^#!.*[\/ ](ba)?sh( |$)/) print FILENAME; nextfile }'
}

case ${1:-} in
  '') ;;
  --list)
    scripts
    exit
    ;;
  *)
    sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' scripts/check-shell.sh >&2
    exit 2
    ;;
esac

if ! command -v shellcheck >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  scripts/apt-install.sh shellcheck || true
fi
if ! command -v shellcheck >/dev/null; then
  echo 'skipped: no shellcheck (on Debian and Ubuntu: sudo apt-get install shellcheck)'
  exit
fi
scripts | xargs -d '\n' shellcheck --external-sources --source-path=SCRIPTDIR

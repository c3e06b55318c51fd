#!/bin/bash
# Runs the tests, after ./build.sh: all that npm test runs, or the files that are named.
#
# usage: ./test/test.sh [FILE...] [OPTION OF MOCHA...]
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' test/test.sh
  exit
fi
exec npm test -- "$@"

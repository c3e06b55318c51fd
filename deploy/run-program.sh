#!/bin/bash
# Runs one of this checkout's TypeScript programs from any directory. deploy.sh and the files in deploy/bin use it.
# usage: deploy/run-program.sh PROGRAM [ARGUMENT...]     PROGRAM: path of the .ts file within the checkout
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

if (($# == 0)) || [[ $1 == --help ]]; then
  sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"
  exit
fi

command -v node >/dev/null ||
  fail 'node: not found. Install Node.js 20.19 or newer (https://nodejs.org/en/download).'
version=$(node --version)
IFS=. read -r major minor _ <<<"${version#v}"
((major > 20 || (major == 20 && minor >= 19))) ||
  fail "node: $version is too old. Install Node.js 20.19 or newer (https://nodejs.org/en/download)."
[[ -f $root/node_modules/tsx/package.json ]] ||
  fail "node_modules: tsx is not installed in $root. Run npm ci there (as developers do: without --omit=dev)."

program=$root/$1
shift
exec node --import "file://$root/node_modules/tsx/dist/loader.mjs" "$program" "$@"

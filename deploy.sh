#!/bin/bash
# Builds an image (AMI) of machines with the worker, and lets the worker pools use it. See --help, docs/deployment.md.
set -euo pipefail
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/deploy/run-program.sh" deploy/bin/deploy.ts "$@"

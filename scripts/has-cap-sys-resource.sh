#!/bin/bash
# Exits 0 when this machine may use CAP_SYS_RESOURCE (bit 24 of the bounding set), 1 when not: plain runc then refuses
# --privileged ("unable to apply caps"), and a test daemon needs scripts/runc-nosysres as its runtime.
set -euo pipefail

bounding=$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status)
(((16#$bounding >> 24 & 1) == 1))

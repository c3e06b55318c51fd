#!/bin/bash
# Applies the settings that differ on a machine of packet.net: the kind of host, and its network, which does not use
# DHCP.
#
# usage: packet.sh [--dry-run]
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

parse_arguments "$@"
require_root
ensure_content /etc/systemd/system/docker-worker.service.d/packet.conf 644 <<'CONTENT'
[Service]
ExecStart=
ExecStart=/opt/docker-worker/bin/docker-worker --host packet production
CONTENT
# The provider's installer writes its addresses; until then every connected interface uses DHCP.
ensure_content /etc/systemd/network/99-docker-worker.network 644 <<'CONTENT'
[Match]
Name=en* eth*

[Network]
DHCP=yes
CONTENT

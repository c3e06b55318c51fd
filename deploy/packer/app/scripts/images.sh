#!/bin/bash
# Pulls the sidecar images that this worker's configuration enables, and stores them as files for
# docker-worker-images.service: docker's own storage will be on disks that are empty when a machine starts.
#
# usage: images.sh [--dry-run]
#   SIDECAR_IMAGES   names separated by spaces; default: the configuration's images for enabled features
set -euo pipefail
# shellcheck source=../../lib/ensure.sh
source "${PROVISION_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}/lib/ensure.sh"

HOME_DIR=${DOCKER_WORKER_HOME:-/opt/docker-worker}
DIRECTORY=$ROOT_DIR/var/lib/docker-worker/images

# The worker itself resolves its configuration. Credentials are not read.
configured_images() {
  (cd "$HOME_DIR" && TASKCLUSTER_CLIENT_ID=none TASKCLUSTER_ACCESS_TOKEN=none DNS_SERVER_SECRET=none \
    bin/docker-worker production --print-config | node --input-type=module -e '
      import { readFileSync } from "node:fs";
      import yaml from "js-yaml";
      const { features, dindImage, sidecars } = yaml.load(readFileSync(0, "utf8"));
      const isEnabled = (name) => features[name]?.enabled === true;
      const images = Object.keys(sidecars).filter(isEnabled).map((name) => sidecars[name].image);
      console.log([...(isEnabled("dind") ? [dindImage] : []), ...new Set(images)].join("\n"));
    ') || fail 'the worker does not accept its configuration; see above.'
}

file_of() { printf '%s' "${1//[^A-Za-z0-9.-]/_}"; }

# Needs access to the image's registry.
keep_image() {
  local image=$1 file=$2
  docker pull --quiet "$image" >/dev/null || fail "$image could not be pulled." \
    'Does this machine reach its registry? Log in with docker login for private ones, or leave its feature out of workerConfig.'
  mkdir -p "$DIRECTORY"
  docker save "$image" | zstd -q -T0 -f -o "$file.tar.zst"
  docker image inspect --format '{{.Id}}' "$image" >"$file.id"
  # Otherwise the machine's image would contain it twice.
  docker image rm "$image" >/dev/null
}

parse_arguments "$@"
require_root
if is_dry_run && [[ ! -d $HOME_DIR ]]; then
  say 'would ask the worker which sidecar images its configuration enables, and pull them'
  exit 0
fi
names=${SIDECAR_IMAGES-$(configured_images)}
for image in $names; do
  file=$DIRECTORY/$(file_of "$image")
  [[ -s $file.tar.zst && -s $file.id ]] || change "keep the image $image" keep_image "$image" "$file"
done

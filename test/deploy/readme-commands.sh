#!/bin/bash
# Runs every command from the README of docker-worker 2019 in a copy of this checkout: for real if the command needs
# only this machine, as a dry run if it would call AWS, GitHub or a browser. Missing programs (packer, pass, aws,
# taskcluster) are replaced by stand-ins; commands of vagrant and yarn are skipped without them.
#
# usage: test/deploy/readme-commands.sh      (after ./build.sh; needs a Docker engine)
#
# Prints a line "ok: COMMAND" for each, or "FAILED: COMMAND" with its output; exits with 1 if any failed.
# shellcheck disable=SC2016 # Commands and stand-ins are for other shells.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if (($# > 0)); then
  sed -n '2,/^# shellcheck/{s/^# \{0,1\}//;/^shellcheck/!p}' "${BASH_SOURCE[0]}"
  [[ $1 == -h || $1 == --help ]]
  exit
fi

work=$(mktemp -d)
server=''
clean_up() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

failures=0
# run COMMAND: runs it in a shell in the copy, as a user would type it.
run() {
  if bash -c "$1" >"$work/said" 2>&1 </dev/null; then
    printf 'ok: %s\n' "$1"
  else
    printf 'FAILED: %s\n' "$1"
    sed 's/^/  /' "$work/said"
    failures=$((failures + 1))
  fi
}
# with PROGRAM COMMAND...: runs the commands if there is such a program.
with() {
  local program=$1 command
  shift
  for command in "$@"; do
    if command -v "$program" >/dev/null; then run "$command"; else printf 'skipped: %s (no %s here)\n' "$command" "$program"; fi
  done
}

# Clones a repository in its current state, including uncommitted changes.
copy_checkout() {
  (cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'ls -d -- "$@" 2>/dev/null || :' sh) |
    tar -C "$root" -cf - --files-from=- | tar -C "$work/checkout" -xf -
  ln -s "$root/node_modules" node_modules
  # The output of ./build.sh is kept if it is up to date.
  if [[ -d $root/dist ]]; then cp -r "$root/dist" dist; fi
  # A folder, as .gitignore expects, not the link that replaces it here.
  echo node_modules >>.git/info/exclude
  git add --all
  git -c user.name=nobody -c user.email=nobody@example.com commit --quiet --message 'as it is'
  git push --quiet origin main
}

stand_in() {
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod 755 "$work/bin/$1"
}

make_stand_ins() {
  stand_in taskcluster '[ "$1" = signin ] && echo "export SIGNED_IN=\"$*\""'
  stand_in pass 'case $1 in show) cat "$SECRETS" ;; *) echo pass ;; esac'
  stand_in aws 'echo "{}"'
  command -v packer >/dev/null || stand_in packer 'echo Packer v1.9.4'
}

write_secrets() {
  local name
  for name in papertrail sslCertificate sslKey statelessDnsSecret encryptedEnvPrivateKey chainOfTrustKey; do
    printf '%s: made up\n' "$name"
  done >"$SECRETS"
}

start_taskcluster() {
  node dist/bin/local-taskcluster.js --port 0 --credentials-file "$work/credentials" >"$work/taskcluster.log" 2>&1 &
  server=$!
  until [[ -s $work/credentials ]]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/taskcluster.log" && exit 1; }
    sleep 0.1
  done
  credential() { node -p "JSON.parse(require('fs').readFileSync('$work/credentials', 'utf8')).$1"; }
  TASKCLUSTER_ROOT_URL=$(credential rootUrl)
  TASKCLUSTER_CLIENT_ID=$(credential clientId)
  TASKCLUSTER_ACCESS_TOKEN=$(credential accessToken)
  export TASKCLUSTER_ROOT_URL TASKCLUSTER_CLIENT_ID TASKCLUSTER_ACCESS_TOKEN
}

# Sets up the local Taskcluster as a deployment with an AWS account, one of its AMIs, and a backup of its earlier pools.
write_deployment() {
  printf '%s\n' 'deployments:' "  $TASKCLUSTER_ROOT_URL:" '    name: example' '    account: example-workers' \
    '    region: us-west-2' '    amiRegions: [us-west-2]' '    updateWorkerPools: true' \
    'accounts:' '  example-workers: { baseAmi: ami-0ba5e }' >deploy/deployments.yml
  mkdir -p deploy/amis deploy/backups
  printf '{"target":"app","amiName":"docker-worker-app-1","isTest":false,"rootUrl":"%s","built":"%s","builders":%s}' \
    "$TASKCLUSTER_ROOT_URL" 2026-01-01T00:00:00.000Z '{"hvm-builder":{"us-west-2":"ami-01"}}' >deploy/amis/one.json
  printf '{"rootUrl":"%s","made":"2026-01-01T00:00:00.000Z","pools":[]}' "$TASKCLUSTER_ROOT_URL" >deploy/backups/one.json
  git -c user.name=nobody -c user.email=nobody@example.com commit --quiet --all --message 'a deployment'
  git push --quiet origin main
}

mkdir "$work/bin" "$work/checkout"
export PATH="$work/bin:$PATH" SECRETS=$work/secrets.yml
export AWS_ACCESS_KEY_ID=nobody AWS_SECRET_ACCESS_KEY=made-up
git init --quiet --bare --initial-branch=main "$work/origin.git"
cd "$work/checkout"
git init --quiet --initial-branch=main
git remote add origin "$work/origin.git"
copy_checkout
make_stand_ins
write_secrets

# "Setting up vagrant", "Setting up a standalone vm"
with vagrant 'VAGRANT_HOME=$(mktemp -d) vagrant validate -p'
run './vagrant.sh --dry-run --user root'
run 'eval $(cat scopes.txt | xargs taskcluster signin) && [[ $SIGNED_IN == *--scope=* ]]'
run './build.sh'

# "Usage"
start_taskcluster
run 'node bin/worker.js --help'
run 'node bin/worker.js config.yml --print-config'

# "Running Tests"
file=test/unit/util/trim-end.test.ts
run "./test/test.sh $file"
# Mocha's own file has a different name now.
run "npx mocha --bail $file"
run "npx mocha --bail $file --grep '.'"
with yarn "yarn test $file"

# "Deployment"
write_deployment
for target in base app packet; do run "./deploy.sh $target --dry-run"; done
run 'deploy/bin/import-docker-worker-secrets && [[ -s deploy/deploy.json ]]'
run 'make -C deploy && [[ -s deploy/target/etc/docker-worker/secrets.env ]]'
run 'deploy/bin/build base -debug --dry-run'
run 'deploy/bin/build app -debug -on-error=abort --dry-run'
run 'deploy/bin/build packet --dry-run'
run 'make -n -C deploy packet | grep bin/build'
run 'deploy/bin/update-worker-types.js --no-aws --dry-run'
run 'deploy/bin/rollback-worker-types.js deploy/backups/one.json --dry-run'
run 'deploy/bin/github-release.js --commit HEAD --dry-run'
run './release.sh --dry-run'

# "Updating Schema", with node in place of babel-node
run 'node bin/upload-schema.js --bucket schemas --dry-run'

((failures == 0))

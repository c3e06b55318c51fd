#!/bin/bash
# Releases the version in package.json on GitHub, after checking that all is as it should be.
#
# usage: ./release.sh [--dry-run] [--repository OWNER/NAME] [--api-url URL]
#
#   1. GITHUB_TOKEN is set, git and npm are there
#   2. the working tree is clean, on the branch main, and main is what origin has
#   3. the version in package.json is a plain one and that of package-lock.json
#   4. there is no tag of it yet, here or at origin
#   5. CHANGELOG.md has a section for it
#   6. npm run check
#   7. deploy/bin/github-release: compiles and packs the worker, creates the release with its tag
#
# --dry-run   do 1 to 5, say what would stop a release and what 6 and 7 would do, change nothing (needs no GITHUB_TOKEN)
# The other options are given to deploy/bin/github-release.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

fail() {
  printf 'release.sh: %s\n' "$*" >&2
  exit 1
}

# What stops a release. A dry run says so and goes on: who only looks should see the rest too.
refuse() {
  [[ -n $dry_run ]] || fail "$*"
  printf 'Would stop here: %s\n' "$*"
}

usage() { sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' release.sh; }

check_tools() {
  local program
  for program in git node npm; do
    command -v "$program" >/dev/null || fail "$program: not found. Install it and run ./release.sh again."
  done
  [[ -n $dry_run || -n ${GITHUB_TOKEN:-} ]] ||
    fail 'GITHUB_TOKEN is not set. Make a token that may write the contents of the repository (https://github.com/settings/tokens).'
}

check_tree() {
  local branch changes
  changes=$(git status --porcelain) || fail 'this is no git repository: release from a clone.'
  [[ -z $changes ]] || refuse "the working tree has changes that are not committed:"$'\n'"$changes"
  branch=$(git symbolic-ref --quiet --short HEAD) || branch='(none)'
  [[ $branch == main ]] ||
    refuse "the branch $branch is checked out; releases are made from main. Run: git switch main"
  if ! git fetch --quiet --tags origin main; then
    refuse 'git fetch origin main failed. Is the repository reachable, may you read it?'
  elif [[ $(git rev-parse HEAD) != $(git rev-parse FETCH_HEAD) ]]; then
    refuse 'main is not what origin has. Run git pull, or push what you have and let it be reviewed.'
  fi
}

check_version() {
  local locked
  version=$(node -p 'require("./package.json").version')
  locked=$(node -p 'require("./package-lock.json").version')
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || refuse "package.json has the version $version, which is none to release."
  [[ $locked == "$version" ]] || refuse "package-lock.json has the version $locked, package.json $version. Run: npm install"
  if git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null; then
    refuse "the tag v$version exists already. Raise the version: npm version --no-git-tag-version patch (or minor, major)"
  fi
}

check_changelog() {
  grep -qF "## [$version]" CHANGELOG.md ||
    refuse "CHANGELOG.md has no section \"## [$version]\". Give what is below Unreleased that heading, with the date."
}

dry_run=''
forwarded=()
while (($# > 0)); do
  case $1 in
    --dry-run) dry_run=yes ;;
    --repository | --api-url)
      (($# > 1)) || fail "$1: its value is missing. $(usage)"
      forwarded+=("$1" "$2")
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown argument \"$1\""$'\n'"$(usage)" ;;
  esac
  shift
done

check_tools
check_tree
check_version
check_changelog
commit=$(git rev-parse HEAD)
if [[ -n $dry_run ]]; then
  echo 'Would run npm run check.'
  exec deploy/bin/github-release --commit "$commit" --dry-run "${forwarded[@]}"
fi
npm run check
exec deploy/bin/github-release --commit "$commit" "${forwarded[@]}"

# shellcheck shell=bash
# The functions of the provisioning scripts. Each brings one thing into a state and does nothing when it is already in
# that state, so that every script can be run again. Source this file after `set -euo pipefail`.
#
#   DRY_RUN=1          prints the planned changes ("would …") and changes nothing
#   ROOT_DIR           directory to use as the machine's /, for files and units; default: the machine's own
#   PACKAGE_SOURCE     upstream (default): Docker CE from Docker's repository, Node from nodejs.org;
#                      distribution: the distribution's docker.io and the installed Node. For
#                      machines that can't reach either source
#   PROVISION_DIR      directory of the folder lib; default: the parent of this one
#   TEMPLATE_DIR       directory of the files of deploy/template; default: template in PROVISION_DIR
#
# Each change prints one line "changed: …" on standard output; without such a line, the run changed nothing.

DRY_RUN=${DRY_RUN:-0}
ROOT_DIR=${ROOT_DIR:-}
PACKAGE_SOURCE=${PACKAGE_SOURCE:-upstream}
PROVISION_DIR=${PROVISION_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
TEMPLATE_DIR=${TEMPLATE_DIR:-$PROVISION_DIR/template}
export DEBIAN_FRONTEND=noninteractive

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  (($# == 1)) || printf '  %s\n' "${@:2}" >&2
  exit 1
}

# Parses --help and --dry-run, for scripts without other arguments; the help is the comment at their top.
parse_arguments() {
  local argument
  for argument in "$@"; do
    case $argument in
      --dry-run) DRY_RUN=1 ;;
      -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
        exit 0
        ;;
      *) fail "unknown argument \"$argument\"; it takes --dry-run and --help." ;;
    esac
  done
  [[ $DRY_RUN != 1 ]] || say 'dry run: nothing is changed'
}

is_dry_run() { [[ $DRY_RUN == 1 ]]; }
has() { command -v "$1" >/dev/null; }
is_booted() { [[ -z $ROOT_DIR && -d /run/systemd/system ]]; }
require_root() {
  is_dry_run || [[ -n $ROOT_DIR || $(id -u) == 0 ]] ||
    fail 'changing the machine needs root.' "Run: sudo -E $0 (or with --dry-run to see what it would do)."
}
require_variable() {
  [[ -n ${!1:-} ]] || fail "the environment variable $1 is not set ($2)."
}

# change DESCRIPTION COMMAND...: runs the command; every change goes through here.
change() {
  local description=$1
  shift
  if is_dry_run; then
    say "would $description"
    return 0
  fi
  "$@"
  printf 'changed: %s\n' "$description"
}

# --- Files ------------------------------------------------------------------------------------------------------------

state_of() { stat -c '%a %u:%g' "$1" 2>/dev/null; }
# Prints mode and owner as stat does; in a ROOT_DIR of another user, files belong to that user.
wanted_state() {
  if [[ -n $ROOT_DIR ]]; then
    printf '%s %s:%s' "$1" "$(id -u)" "$(id -g)"
  else
    printf '%s 0:0' "$1"
  fi
}

install_file() {
  local source=$1 target=$2 mode=$3
  mkdir -p "$(dirname "$target")"
  # Written beside its place and renamed, so that no process sees half a file, or a key that all users can read.
  install -m "$mode" "$source" "$target.new"
  [[ -n $ROOT_DIR ]] || chown 0:0 "$target.new"
  mv -f "$target.new" "$target"
}

# ensure_copy SOURCE PATH [MODE]: gives PATH the content of SOURCE, and MODE (default: that of SOURCE). Returns 0, and
# sets the variable `changed_file` (yes or no).
ensure_copy() {
  local source=$1 target=$ROOT_DIR$2 mode=${3:-}
  changed_file=no
  [[ -f $source ]] || fail "$source is missing; it should have been uploaded before this script."
  [[ -n $mode ]] || mode=$(stat -c %a "$source")
  if [[ -f $target && ! -L $target ]] && cmp -s "$source" "$target" &&
    [[ $(state_of "$target") == "$(wanted_state "$mode")" ]]; then
    return 0
  fi
  # shellcheck disable=SC2034
  changed_file=yes
  change "write $2 (mode $mode)" install_file "$source" "$target" "$mode"
}

# ensure_content PATH MODE: does the same with standard input as the content.
ensure_content() {
  local temporary
  temporary=$(mktemp)
  cat >"$temporary"
  ensure_copy "$temporary" "$1" "$2"
  rm -f "$temporary"
}

# ensure_template_file PATH: copies a file of deploy/template that has no variables.
ensure_template_file() {
  local source=$TEMPLATE_DIR$1
  if [[ -f $source ]] && grep -q '{{' "$source"; then
    fail "$source still has variables in it; only make -C deploy can fill them in."
  fi
  ensure_copy "$source" "$1"
}

# ensure_directory PATH MODE
ensure_directory() {
  local path=$ROOT_DIR$1
  [[ -d $path && $(state_of "$path") == "$(wanted_state "$2")" ]] ||
    change "make the directory $1 (mode $2)" install -d -m "$2" "$path"
}

make_link() {
  mkdir -p "$(dirname "$2")"
  ln -sfn "$1" "$2"
}

# ensure_link TARGET PATH
ensure_link() {
  local path=$ROOT_DIR$2
  [[ -L $path && $(readlink "$path") == "$1" ]] || change "link $2 to $1" make_link "$1" "$path"
}

# ensure_absent PATH...: removes files and whole directories.
ensure_absent() {
  local path
  for path in "$@"; do
    [[ ! -e $ROOT_DIR$path && ! -L $ROOT_DIR$path ]] || change "remove $path" rm -rf --one-file-system -- "$ROOT_DIR$path"
  done
}

# ensure_empty PATH...: makes files exist and be empty.
ensure_empty() {
  local path
  for path in "$@"; do
    [[ ! -s $ROOT_DIR$path ]] || change "empty $path" truncate -s 0 "$ROOT_DIR$path"
  done
}

# --- Packages ---------------------------------------------------------------------------------------------------------

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ?i* ]]; }
installed_version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }

# Runs only when a package has to be installed: the lists are large, and need the internet.
update_package_lists() {
  [[ ${package_lists_are_new:-no} == no ]] || return 0
  is_dry_run || apt-get update -qq || fail 'apt-get update failed.' 'Can this machine reach its package mirror?'
  package_lists_are_new=yes
}

apt_install() {
  apt-get install -y -qq --no-install-recommends --allow-change-held-packages \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >/dev/null ||
    fail "apt-get could not install $*." 'Run it by hand to see why.'
}

# ensure_packages NAME[=VERSION]...
ensure_packages() {
  local wanted missing=()
  has dpkg-query || fail 'dpkg-query: not found.' 'These scripts are for Ubuntu and Debian.'
  for wanted in "$@"; do
    is_installed "${wanted%%=*}" && [[ $wanted != *=* || $(installed_version "${wanted%%=*}") == "${wanted#*=}" ]] ||
      missing+=("$wanted")
  done
  ((${#missing[@]} > 0)) || return 0
  update_package_lists
  change "install ${missing[*]}" apt_install "${missing[@]}"
}

# ensure_held NAME...: keeps packages from being upgraded.
ensure_held() {
  local held name
  held=$(apt-mark showhold)
  for name in "$@"; do
    is_installed "$name" || continue
    grep -qxF "$name" <<<"$held" || change "hold $name at its version" apt-mark -qq hold "$name"
  done
}

# --- Units ------------------------------------------------------------------------------------------------------------

unit_state() { systemctl ${ROOT_DIR:+"--root=$ROOT_DIR"} is-enabled "$1" 2>/dev/null || true; }

# ensure_enabled UNIT...: makes units start with the machine. They are not started now.
ensure_enabled() {
  local unit
  for unit in "$@"; do
    case $(unit_state "$unit") in
      enabled | static | alias) ;;
      *) change "enable $unit" systemctl -q ${ROOT_DIR:+"--root=$ROOT_DIR"} enable "$unit" ;;
    esac
  done
}

# ensure_masked UNIT...: prevents units from being started. Missing units are skipped.
ensure_masked() {
  local unit
  for unit in "$@"; do
    case $(unit_state "$unit") in
      '' | not-found | masked) ;;
      *)
        # A unit that is stopped after it is masked counts as failed.
        ! is_booted || is_dry_run || systemctl -q stop "$unit"
        change "mask $unit" systemctl -q ${ROOT_DIR:+"--root=$ROOT_DIR"} mask "$unit"
        ;;
    esac
  done
}

# --- Downloads --------------------------------------------------------------------------------------------------------

# download URL FILE SHA256: fails, and leaves no file, when the checksum differs.
download() {
  local url=$1 file=$2 sha256=$3
  curl --fail --silent --show-error --location --proto '=https' --retry 5 --max-time 600 --output "$file" "$url" ||
    fail "$url could not be downloaded." 'Can this machine reach the internet?'
  if ! sha256sum --check --status <<<"$sha256  $file"; then
    local found
    found=$(sha256sum "$file")
    rm -f "$file"
    fail "$url has changed: its SHA-256 is ${found%% *}, expected $sha256."
  fi
}

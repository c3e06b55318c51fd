/** Where the scripts look for a directory in which files can be written, in this order; the last one is the task's own. */
const PLACES = '/tmp /var/tmp /dev/shm .';
/** In such a directory: `waiting` while the container waits for a shell, and later that shell's exit code. */
const STATE = 'local-ci-session';
/** Beside it: a script that runs the task's command. */
const COMMAND = 'local-ci-command';

/** Begins a line of these scripts in the task's log or on the user's terminal. */
const NOTE = '[local-ci]';

/** Removes the indentation. */
function script(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

// Needs nothing but the shell itself, sleep and, to make a file executable, chmod: images may have little else.
// A failed redirection would end the shell, so it is tried in another one.
const WAIT = `
  quoted() {
    for word in "$@"; do
      rest=$word out=
      while :; do
        case $rest in
          *\\'*) out=$out\${rest%%\\'*}"'\\\\''" rest=\${rest#*\\'} ;;
          *) break ;;
        esac
      done
      printf " '%s'" "$out$rest"
    done
  }
  wait_for_shell() {
    for place in ${PLACES}; do
      ( echo waiting >"$place/${STATE}" ) 2>/dev/null && break
      place=
    done
    if [ -z "$place" ]; then
      echo "${NOTE} No shell can be opened: nothing can be written in ${PLACES} of this container."
      return 1
    fi
    {
      echo '#!/bin/sh'
      echo '# Runs the command of the task.'
      printf exec
      quoted "$@"
      echo
    } >"$place/${COMMAND}"
    chmod +x "$place/${COMMAND}" 2>/dev/null
    echo "${NOTE} The container waits for a shell, at the longest until $until: maxRunTime does not count."
    while :; do
      state=
      [ -f "$place/${STATE}" ] && read -r state <"$place/${STATE}"
      case $state in '' | *[!0-9]*) ;; *) break ;; esac
      sleep 1 || return 1
    done
  }
  until=$1
  shift
  for place in ${PLACES}; do
    [ -f "$place/${STATE}" ] && : >"$place/${STATE}"
  done`;

/** Waits for a shell, and ends with its exit code. `$1` is the time until which it can; the command follows. */
export const BEFORE_COMMAND = script(`${WAIT}
  wait_for_shell "$@" || exit 1
  exit "$state"`);

/** Runs the command, waits for a shell if it failed, and ends with the exit code of the command. Arguments as above. */
export const ON_FAILURE = script(`${WAIT}
  ( exec "$@" )
  code=$?
  [ "$code" -eq 0 ] && exit 0
  echo "${NOTE} The command ended with exit code $code."
  wait_for_shell "$@"
  exit "$code"`);

const FIND = `
  find_place() {
    for place in ${PLACES}; do
      state=
      [ -f "$place/${STATE}" ] && read -r state <"$place/${STATE}"
      [ "$state" = waiting ] && return 0
    done
    place=
    return 1
  }`;

/** Ends when the container waits for a shell. */
export const UNTIL_WAITING = script(`${FIND}
  until find_place; do
    sleep 1 || exit 1
  done`);

/** The first line that a session prints, before its shell. */
export const GREETING = `${NOTE} A shell in the container of the task.`;

/** A session: the best shell there is. If the container waits for it, its end is the end of the container. */
export const SESSION = script(`${FIND}
  echo "${GREETING}"
  if find_place; then
    echo "${NOTE} The command of the task: sh $place/${COMMAND}"
    echo "${NOTE} The container ends with this shell (exit)."
  fi
  for shell in bash sh; do
    command -v "$shell" >/dev/null 2>&1 && break
  done
  "$shell"
  code=$?
  [ -z "$place" ] || echo "$code" >"$place/${STATE}"
  exit "$code"`);

/** Returns the command line that runs one of these scripts. */
export function shellCommand(text: string, args: readonly string[] = []): readonly string[] {
  return ['/bin/sh', '-c', text, 'local-ci', ...args];
}

/** The path of the worker's busybox in containers of interactive tasks, independent of their image. */
export const BUSYBOX = '/.taskclusterutils/busybox';
/** The path of the operator's directory of display programs in them, if there is one. */
export const DISPLAY_DIRECTORY = '/.taskclusterdisplays';
/** The programs in it: one lists the displays of a container, the other serves one over VNC. */
export const DISPLAY_TOOLS = {
  'list-displays': `${DISPLAY_DIRECTORY}/list-displays`,
  x11vnc: `${DISPLAY_DIRECTORY}/x11vnc`,
} as const;
/** The path of the fifos of `ExitGate` in them. */
export const HOLD_DIRECTORY = '/.taskclusterinteractive';
/** One fifo tells the worker how the command ended; through the other the worker releases the container. */
export const FIFO = { ended: 'ended', release: 'release' } as const;
/** The line that asks the container to report its exit code again. Any other line releases it. */
export const AGAIN = 'again';
/** The variable that tells KILL_SESSION which session to kill. */
export const SESSION_VARIABLE = 'INTERACTIVE_SESSION';

/** Returns a script on one line: KILL_SESSION reads only the first line of a command line. */
function oneLine(script: string): string {
  return script
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

/**
 * `run` replaces the shell with a program, as the engine would start it. busybox's shell has built-in commands and may
 * prefer busybox's applets to the image's programs unless a program is named by its path, so `find` looks it up. The
 * shell also sets some variables, and passes on only those with names that are valid in a shell: the others are
 * restored from the environment that the engine gave it. (`env` would take a path with an equals sign for a variable.)
 */
const RUN = `
  find() {
    case $1 in */*) _tcp=$1; return 0;; esac;
    _tcr=$PATH:;
    while [ -n "$_tcr" ]; do
      _tcp=\${_tcr%%:*}; _tcp=\${_tcp:-.}/$1; _tcr=\${_tcr#*:};
      [ -f "$_tcp" ] && [ -x "$_tcp" ] && return 0;
    done;
    return 1;
  };
  run() {
    find "$1" || { echo "$1: not found" >&2; exit 127; };
    shift; unset SHLVL OLDPWD;
    case $_tcp in *=*) exec "$_tcp" "$@";; esac;
    set -- "$_tcp" "$@"; _tcr=$#;
    while IFS= read -r -d '' _tcv; do
      case \${_tcv%%=*} in
        [0-9]*|*[!A-Za-z0-9_]*|IFS|OLDPWD|OPTIND|PPID|PWD|SHLVL|_tc[cprtv]) set -- "$_tcv" "$@";;
      esac;
    done 2>/dev/null </proc/$$/environ;
    [ $# -eq $_tcr ] || exec ${BUSYBOX} env -- "$@";
    exec "$@";
  };`;

/**
 * The container's first process: runs its arguments, reports how they ended, waits until the worker releases it, and
 * exits with their exit code. It keeps no descriptor open that they could inherit.
 *
 * The worker may be away, or die at any moment, and each of its successors opens the fifos anew. A fifo loses what is
 * in it when its last user closes it; opening one for reading only or writing only waits for the other side, which then
 * may leave: reading ends, writing fails. So it opens both for both: nothing waits, and what it has written stays there.
 * A report that a worker had read before it died is given to the next one when that asks for it.
 */
const HOLD_COMMAND = oneLine(`${RUN}
  [ $# -gt 0 ] || { echo "There is no command: set payload.command" >&2; exit 127; };
  (run "$@");
  _tcc=$?;
  while
    echo "$_tcc" >&3;
    read -r _tcr <&4 && [ "$_tcr" = ${AGAIN} ];
  do :; done 3<>${HOLD_DIRECTORY}/${FIFO.ended} 4<>${HOLD_DIRECTORY}/${FIFO.release};
  exit "$_tcc"`);

/**
 * The first process of a session, which KILL_SESSION finds by its command line: runs its arguments, or the best shell.
 * The names of an image's own message and shell for people are those that Taskcluster's pages have always used.
 */
const RUN_SESSION = oneLine(`${RUN}
  if [ $# -eq 0 ]; then
    USER=\${USER:-$(${BUSYBOX} id -un 2>/dev/null)}; USER=\${USER:-root};
    export USER HOME="\${HOME:-/root}" LOGNAME="\${LOGNAME:-$USER}";
    _tct=; [ -t 0 ] && _tct=1;
    [ -n "$_tct" ] && [ -f /etc/taskcluster-motd ] && ${BUSYBOX} cat /etc/taskcluster-motd;
    if [ -n "$_tct" ] && [ -f /bin/taskcluster-interactive-shell ]; then set -- /bin/taskcluster-interactive-shell;
    elif find bash; then set -- "$_tcp" \${_tct:+-li};
    elif find sh; then set -- "$_tcp";
    else set -- ${BUSYBOX} sh; fi;
  fi;
  (run "$@");
  exit $?`);

/**
 * Runs a VNC server, which prints its port ("PORT=5900"), and connects it to stdin and stdout: the server accepts a
 * connection, but can't use two pipes.
 */
const SHOW_DISPLAY = oneLine(`
  exec 3<&0;
  "$@" </dev/null | {
    while read -r _line; do
      case $_line in PORT=*) exec ${BUSYBOX} nc 127.0.0.1 "\${_line#PORT=}" 4<&0 <&3;; esac;
    done;
    exit 1;
  }`);

/**
 * Kills a session: its first process, all processes of its terminal session, and their children. Processes that have
 * detached themselves, such as daemons, keep running. All are stopped first, so that none can start another meanwhile.
 */
const KILL_SESSION = oneLine(`
  _leader=;
  for _d in /proc/[0-9]*; do
    { _line=; read -r _line <"$_d/cmdline"; } 2>/dev/null;
    case $_line in *"$${SESSION_VARIABLE}"*) _leader=\${_d#/proc/}; break;; esac;
  done;
  [ -n "$_leader" ] || exit 0;
  kill -STOP "$_leader"; _all=" $_leader "; _grown=1;
  while [ -n "$_grown" ]; do
    _grown=;
    for _d in /proc/[0-9]*; do
      _pid=\${_d#/proc/};
      case $_all in *" $_pid "*) continue;; esac;
      { _line=; read -r _line <"$_d/stat"; } 2>/dev/null;
      set -- \${_line##*) };
      [ $# -gt 4 ] || continue;
      case $_all in *" $2 "*) ;; *) [ "$4" = "$_leader" ] || continue;; esac;
      kill -STOP "$_pid"; _all="$_all$_pid "; _grown=1;
    done;
  done;
  kill -KILL $_all`);

/** Precedes the entrypoint of the task's container. */
export const ENTRYPOINT_PREFIX: readonly string[] = [BUSYBOX, 'sh', '-c', HOLD_COMMAND, 'task'];

/** Returns the command line of a session; an empty `command` means a shell. `mark` must be unique. */
export function sessionCommand(mark: string, command: readonly string[]): readonly string[] {
  return [BUSYBOX, 'sh', '-c', RUN_SESSION, mark, ...command];
}

/** Returns the command line of a session that shows an X display over VNC; `more` are arguments for x11vnc. */
export function displayCommand(display: string, title: string, more: readonly string[]): readonly string[] {
  const once = ['-localhost', '-autoport', '5900', '-once', '-timeout', '60'];
  const server = [DISPLAY_TOOLS.x11vnc, '-q', '-nopw', '-norc', ...once, '-display', display, '-desktop', title];
  return [BUSYBOX, 'sh', '-c', SHOW_DISPLAY, 'show-display', ...server, ...more];
}

/** The command line that kills a session. Must run as root, with SESSION_VARIABLE set to the session's mark. */
export const KILL_COMMAND: readonly string[] = [BUSYBOX, 'sh', '-c', KILL_SESSION, 'end-session'];

/** Where containers of interactive tasks have the worker's busybox, whatever their image has. */
export const BUSYBOX = '/.taskclusterutils/busybox';
/** Where they have the operator's directory of programs for displays, if there is one. */
export const DISPLAY_DIRECTORY = '/.taskclusterdisplays';
/** By their names in it: one lists the displays of a container, the other serves one by VNC. */
export const DISPLAY_TOOLS = {
  'list-displays': `${DISPLAY_DIRECTORY}/list-displays`,
  x11vnc: `${DISPLAY_DIRECTORY}/x11vnc`,
} as const;
/** Where they have the fifos of `CommandHold`. */
export const HOLD_DIRECTORY = '/.taskclusterinteractive';
/** The fifo that tells the worker how the command ended, and the one by which the worker lets go. */
export const FIFO = { ended: 'ended', release: 'release' } as const;
/** The variable by which KILL_SESSION is told whom to kill. */
export const SESSION_VARIABLE = 'INTERACTIVE_SESSION';

/** Each is one line: KILL_SESSION reads no more of a command line than that. */
function oneLine(script: string): string {
  return script
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

/**
 * `run` becomes the program it is given, as the engine would start it. Shells of busybox have commands of their own and
 * may prefer busybox's applets to what the image has, unless a program is named by its path: so it is looked up here.
 * They also pass on only those variables whose names they could have given themselves, and set some: the others are
 * taken from what the engine gave to the shell. (`env` would take a path with an equals sign for a variable.)
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
 * The container's first process: runs its arguments, says how they ended, waits until the worker lets go and ends with
 * their exit code. It keeps no descriptor open that they could inherit.
 */
const HOLD_COMMAND = oneLine(`${RUN}
  [ $# -gt 0 ] || { echo "There is no command: set payload.command" >&2; exit 127; };
  (run "$@");
  _tcc=$?;
  echo "$_tcc" >${HOLD_DIRECTORY}/${FIFO.ended};
  read -r _tcr <${HOLD_DIRECTORY}/${FIFO.release};
  exit "$_tcc"`);

/**
 * The first process of a session, by whose command line KILL_SESSION finds it: runs its arguments, or the best shell. What
 * an image may have for people (a message, a shell of its own) Taskcluster's pages have always asked for by these names.
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
 * Runs a VNC server that says its port ("PORT=5900"), and passes on what it and the other side of this process have to say:
 * it can serve one connection, but no two pipes.
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
 * Kills a session: its first process, all that are of its terminal session, and their children. What has made itself
 * independent of those, as daemons do, lives on. They are stopped first, so that none can start another meanwhile.
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

/** What comes before the entrypoint of the task's container. */
export const ENTRYPOINT_PREFIX: readonly string[] = [BUSYBOX, 'sh', '-c', HOLD_COMMAND, 'task'];

/** What to run for a session; an empty `command`: a shell. `mark` must be unlike anything else. */
export function sessionCommand(mark: string, command: readonly string[]): readonly string[] {
  return [BUSYBOX, 'sh', '-c', RUN_SESSION, mark, ...command];
}

/** What to run for a session that shows an X display by VNC; `more` are arguments of x11vnc's. */
export function displayCommand(display: string, title: string, more: readonly string[]): readonly string[] {
  const once = ['-localhost', '-autoport', '5900', '-once', '-timeout', '60'];
  const server = [DISPLAY_TOOLS.x11vnc, '-q', '-nopw', '-norc', ...once, '-display', display, '-desktop', title];
  return [BUSYBOX, 'sh', '-c', SHOW_DISPLAY, 'show-display', ...server, ...more];
}

/** What to run, as root and with SESSION_VARIABLE set to its mark, to kill a session. */
export const KILL_COMMAND: readonly string[] = [BUSYBOX, 'sh', '-c', KILL_SESSION, 'end-session'];

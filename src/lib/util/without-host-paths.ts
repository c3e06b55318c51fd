const HIDDEN = '(a path on the worker)';

/** A path, or text that looks like one: not preceded by a word, an address or another path. */
const PATH = /(^|[^\w./])(\/(?!\/)[^\s"'`,;:()<>=[\]]*)/g;
/** The engine's directory for the files of a container or image layer: the rest is their path inside it. */
const FILE_SYSTEM =
  /\/(?:overlay2|overlay|fuse-overlayfs|aufs\/mnt|btrfs\/subvolumes|zfs\/graph|vfs\/dir|rootfs\/overlayfs|[\w.]{1,60}\.task\/moby)\/[0-9a-f]{12,128}(?:-init)?(?:\/(?:merged|diff|rootfs))?(?=\/|$)|\/snapshots\/\d{1,12}\/fs(?=\/|$)/;
const ENGINE_DIRECTORY =
  /^\/(?:var\/lib|run|var\/run)\/(?:docker|containerd|containers)(?![a-z])|^\/proc\/self\/fd(?![a-z])|^\/tmp\/(?:containerd-mount|docker)|\/(?:overlay2|docker-import-\w+|GetImageBlob\w+)(?:\/|$)/;
/** The source of a mount is a path on this machine. */
const MOUNT_SOURCES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/(error mounting )"[^"]*"(?= to rootfs)/g, `$1${HIDDEN}`],
  [/(mount )\/[^\s:]*(?=:\/)/g, `$1${HIDDEN}`],
  [/(invalid volume specification: ')[^':]*(?=:)/g, `$1${HIDDEN}`],
];

/**
 * Returns an engine's message for a task's log, which is public: paths of this machine are removed, and a file of the
 * container keeps only its path in the container. Takes linear time: images choose part of the message.
 */
export function withoutHostPaths(message: string): string {
  let clean = message;
  for (const [pattern, replacement] of MOUNT_SOURCES) clean = clean.replace(pattern, replacement);
  return clean.replace(PATH, (_all, before: string, path: string) => before + shown(path));
}

function shown(path: string): string {
  const root = FILE_SYSTEM.exec(path);
  if (root) return path.slice(root.index + root[0].length) || '/';
  return ENGINE_DIRECTORY.test(path) ? HIDDEN : path;
}

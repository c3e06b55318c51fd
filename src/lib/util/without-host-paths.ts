const HIDDEN = '(a path on the worker)';

/** A path, or what looks like one: where it begins no word, address or other path goes on. */
const PATH = /(^|[^\w./])(\/(?!\/)[^\s"'`,;:()<>=[\]]*)/g;
/** The files of a container or of an image's layer, as the engine has them on the machine: what follows is their path in it. */
const FILE_SYSTEM =
  /\/(?:overlay2|overlay|fuse-overlayfs|aufs\/mnt|btrfs\/subvolumes|zfs\/graph|vfs\/dir|rootfs\/overlayfs|[\w.]{1,60}\.task\/moby)\/[0-9a-f]{12,128}(?:-init)?(?:\/(?:merged|diff|rootfs))?(?=\/|$)|\/snapshots\/\d{1,12}\/fs(?=\/|$)/;
const ENGINE_DIRECTORY =
  /^\/(?:var\/lib|run|var\/run)\/(?:docker|containerd|containers)(?![a-z])|^\/proc\/self\/fd(?![a-z])|^\/tmp\/(?:containerd-mount|docker)|\/(?:overlay2|docker-import-\w+|GetImageBlob\w+)(?:\/|$)/;
/** What is mounted into a container comes from the machine. */
const MOUNT_SOURCES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/(error mounting )"[^"]*"(?= to rootfs)/g, `$1${HIDDEN}`],
  [/(mount )\/[^\s:]*(?=:\/)/g, `$1${HIDDEN}`],
  [/(invalid volume specification: ')[^':]*(?=:)/g, `$1${HIDDEN}`],
];

/**
 * An engine's words for the log of a task, which everybody may read: paths of this machine are left out, and a file of the
 * container has its path in the container. Takes linear time: images choose part of the words.
 */
export function withoutHostPaths(words: string): string {
  let clean = words;
  for (const [pattern, replacement] of MOUNT_SOURCES) clean = clean.replace(pattern, replacement);
  return clean.replace(PATH, (_all, before: string, path: string) => before + shown(path));
}

function shown(path: string): string {
  const root = FILE_SYSTEM.exec(path);
  if (root) return path.slice(root.index + root[0].length) || '/';
  return ENGINE_DIRECTORY.test(path) ? HIDDEN : path;
}

import { Readable } from 'node:stream';
import { pack } from 'tar-stream';

/**
 * What an engine gives for `path` of a container: a tar with names from its last part on, or of what is in a directory
 * when that is `.`; undefined: nothing there.
 */
export function archiveOf(
  path: string,
  files: ReadonlyMap<string, string>,
  links: ReadonlyMap<string, string>,
): Readable | undefined {
  if (path.endsWith('/.')) return archiveIn(path.slice(0, -2), files);
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  const linkname = links.get(path);
  const found = [...files].filter(([name]) => name === path || name.startsWith(`${path}/`));
  if (linkname === undefined && found.length === 0) return undefined;
  const tar = pack();
  if (linkname !== undefined) {
    tar.entry({ name: path.slice(parent.length), type: 'symlink', linkname });
  } else {
    if (!files.has(path)) tar.entry({ name: `${path.slice(parent.length)}/`, type: 'directory' });
    for (const [name, content] of found) tar.entry({ name: name.slice(parent.length) }, content);
  }
  tar.finalize();
  return Readable.from(tar);
}

function archiveIn(directory: string, files: ReadonlyMap<string, string>): Readable | undefined {
  const found = [...files].filter(([name]) => name.startsWith(`${directory}/`));
  if (found.length === 0) return undefined;
  const tar = pack();
  tar.entry({ name: './', type: 'directory' });
  for (const [name, content] of found) tar.entry({ name: `.${name.slice(directory.length)}` }, content);
  tar.finalize();
  return Readable.from(tar);
}

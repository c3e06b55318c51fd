import type { TarEntryKind } from '../../artifacts/extract-tar.js';

type Skipped = Exclude<TarEntryKind, 'file' | 'directory'>;

/** Counts an artifact's uploaded and skipped files, and formats the counts for the task's log. */
export class ArtifactTally {
  #files = 0;
  #bytes = 0;
  readonly #skipped = new Map<Skipped, number>();

  addFile(bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }

  addSkipped(kind: Skipped, number = 1): void {
    this.#skipped.set(kind, (this.#skipped.get(kind) ?? 0) + number);
  }

  /** Must be called before the archive is read again, which finds the same entries. */
  forgetSkipped(): void {
    this.#skipped.clear();
  }

  get files(): string {
    return count(this.#files, 'file');
  }

  get bytes(): string {
    return megabytes(this.#bytes);
  }

  /** For example `2 symlinks and 1 device or socket`; undefined if nothing was skipped. */
  get skipped(): string | undefined {
    const parts = [...this.#skipped].map(([kind, number]) => count(number, kind));
    const last = parts.pop();
    if (last === undefined) return undefined;
    return parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
  }
}

const PLURALS: Readonly<Record<string, string>> = { 'device or socket': 'devices or sockets' };

function count(number: number, what: string): string {
  return `${number} ${number === 1 ? what : (PLURALS[what] ?? `${what}s`)}`;
}

/** Returns a size such as `1.5 kB`, `12.0 MB` or `10.0 TB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e9) return megabytes(bytes);
  return bytes < 1e12 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e12).toFixed(1)} TB`;
}

function megabytes(bytes: number): string {
  if (bytes < 1000) return count(bytes, 'byte');
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Something that uses disk space and can free some of it. */
export interface GarbageSource {
  /** For log lines: `images`, `caches`. */
  readonly name: string;
  /**
   * Removes entries that have expired or are marked. Then, while `isDiskShort` returns true, removes unused ones, least
   * recently used first. Never touches what a run is using. An entry that can't be removed is logged and skipped.
   */
  collect(isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void>;
}

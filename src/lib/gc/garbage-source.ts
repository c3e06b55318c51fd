/** Something that takes room on the disk and can give some of it back. */
export interface GarbageSource {
  /** For log lines: `images`, `caches`. */
  readonly name: string;
  /**
   * Removes what has expired or was marked. Then, as long as `isDiskShort` says so, what nobody uses, the least recently
   * used first. Never touches what a run uses. One thing that can't be removed is logged and doesn't keep the others.
   */
  collect(isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void>;
}

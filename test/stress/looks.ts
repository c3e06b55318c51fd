/** Waits that are decided anew with each line of a worker's log. */
export class Looks {
  readonly #looks = new Set<() => void>();

  /** Asks all that wait. */
  all(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves once `isTrue`, or settles as `whileItRuns` does with that promise. */
  async until(isTrue: () => boolean, whileItRuns: (happened: Promise<void>) => Promise<void>): Promise<void> {
    let look = (): void => undefined;
    const happened = new Promise<void>((resolve) => {
      look = () => {
        if (isTrue()) resolve();
      };
    });
    this.#looks.add(look);
    look();
    try {
      await whileItRuns(happened);
    } finally {
      this.#looks.delete(look);
    }
  }
}

/** What the fakes of one test were asked for, in order; tests wait for an event or act at the moment it happens. */
export class Trace {
  readonly events: string[] = [];
  readonly #actions: { readonly event: string; readonly action: () => void }[] = [];

  add(event: string): void {
    this.events.push(event);
    const due = this.#actions.filter((entry) => entry.event === event);
    for (const entry of due) this.#actions.splice(this.#actions.indexOf(entry), 1);
    for (const { action } of due) action();
  }

  /** Runs `action` inside of the next such event. */
  at(event: string, action: () => void): void {
    this.#actions.push({ event, action });
  }

  /** Resolves once the event has happened, however long ago. */
  async until(event: string): Promise<void> {
    if (this.events.includes(event)) return;
    await new Promise<void>((resolve) => {
      this.at(event, resolve);
    });
  }

  count(event: string): number {
    return this.events.filter((other) => other === event).length;
  }

  /** The events whose names begin with one of `prefixes`, in order. */
  only(...prefixes: readonly string[]): readonly string[] {
    return this.events.filter((event) => prefixes.some((prefix) => event.startsWith(prefix)));
  }
}

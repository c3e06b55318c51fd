/** The worker's messages to the task's author. */
export interface TaskOutput {
  /** Writes a line of the worker, with the time. */
  line(text: string): void;
  /** Writes an error, on a line of its own. */
  error(text: string): void;
  /** Writes text unchanged. */
  write(text: string): void;
}

/** Where the worker writes what the task's author reads. */
export interface TaskOutput {
  /** A line of the worker, with the time. */
  line(text: string): void;
  /** An error, on a line of its own. */
  error(text: string): void;
  /** Text exactly as it is. */
  write(text: string): void;
}

import type { TaskOutput } from '../../src/lib/outcome/task-output.js';

/** A task's log in memory. */
export class MemoryOutput implements TaskOutput {
  readonly lines: string[] = [];
  readonly errors: string[] = [];

  line(text: string): void {
    this.lines.push(text);
  }

  error(text: string): void {
    this.errors.push(text);
  }

  write(text: string): void {
    this.lines.push(text);
  }
}

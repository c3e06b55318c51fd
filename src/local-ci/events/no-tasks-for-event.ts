/** The error for an event of which Taskcluster makes no tasks; the message says why. Exit code 3. */
export class NoTasksForEvent extends Error {
  override readonly name = 'NoTasksForEvent';
}

export interface RenderOptions {
  /** The deployment for which it is rendered: files make other tasks for each. */
  readonly rootUrl: string;
  /** What times in tasks are counted from. */
  readonly now: Date;
  readonly newTaskId: () => string;
}

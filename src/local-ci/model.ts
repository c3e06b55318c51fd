/** A JSON object, as parsed: nothing in it is checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What makes a repository's CI run: an event of GitHub, or the context of another renderer. */
export type CiTrigger = GithubTrigger | ContextTrigger;

/** An event as Taskcluster's github service sees it. */
export interface GithubTrigger {
  readonly kind: 'github';
  /** `github-push`, `github-pull-request`, `github-pull-request-untrusted`, `github-release` or `github-issue-comment`. */
  readonly tasksFor: string;
  /** The event in words, for messages: `push to branch main`. */
  readonly title: string;
  /** The owner of the repository at its host. */
  readonly organization: string;
  readonly repository: string;
  /** The host of the repository, `github.com` as a rule: roles are named after it. */
  readonly host: string;
  /** The body of the webhook: `event` in version 1. */
  readonly body: JsonObject;
  /** The flat facts that version 0 substitutes as `event.…`: `{ 'event.type': 'push', 'event.head.sha': '…', … }`. */
  readonly details: JsonObject;
}

/** Any other renderer of the same file: its whole context is given, and exactly one task has to come out. */
export interface ContextTrigger {
  readonly kind: 'context';
  readonly tasksFor: string;
  readonly title: string;
  readonly context: JsonObject;
}

/** The tasks that a repository's file makes of an event, in the order in which they are created. */
export interface RenderedGraph {
  readonly taskGroupId: string | undefined;
  readonly tasks: readonly RenderedTask[];
  /** The scopes with which the github service creates them; roles among them are not expanded. */
  readonly scopes: readonly string[];
  /** Hooks that the file triggers, `<hookGroupId>/<hookId>`; none can run here. */
  readonly hooks: readonly { readonly name: string; readonly context: JsonObject }[];
}

export interface RenderedTask {
  readonly taskId: string;
  /** The body of createTask. */
  readonly task: JsonObject;
}

/** The error for a file, an event or a command line that is wrong: the message says what to change. Exit code 2. */
export class CiInputError extends Error {
  override readonly name = 'CiInputError';
}

import { Argument, Command, InvalidArgumentError, Option } from 'commander';

export const EVENT_NAMES = [
  'push',
  'tag',
  'pull-request',
  'pull-request-untrusted',
  'release',
  'issue-comment',
] as const;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const GRAPH_FORMATS = ['dot', 'text'] as const;

export const RERUNS = ['all', 'failed'] as const;

/** A name and a value; of several with one name, the last counts. */
export type Setting = readonly [name: string, value: string];

/** A secret for the tasks: its value is in the file or, without one, in an environment variable. */
export interface SecretSource {
  readonly name: string;
  readonly file: string | undefined;
}

/** The options of a command line or of a file with options: those that it gives, under commander's names. */
export interface GivenOptions {
  readonly event?: string;
  readonly branch?: string;
  readonly tag?: string;
  readonly base?: string;
  readonly action?: string;
  readonly number?: number;
  readonly comment?: string;
  readonly actor?: string;
  readonly head?: true;
  readonly tasksFor?: string;
  readonly context?: string;
  readonly list?: true;
  readonly json?: true;
  readonly graph?: (typeof GRAPH_FORMATS)[number];
  readonly dryRun?: true;
  readonly task?: readonly string[];
  readonly only?: true;
  readonly rootUrl?: string;
  readonly upstream?: string;
  readonly offline?: true;
  readonly secret?: readonly SecretSource[];
  readonly secrets?: string;
  readonly env?: readonly Setting[];
  readonly envFile?: readonly string[];
  readonly image?: readonly Setting[];
  readonly bind?: string;
  readonly cacheDir?: string;
  readonly config?: string;
  readonly allowPrivileged?: true;
  readonly concurrency?: number;
  readonly keepGoing?: true;
  readonly failFast?: true;
  readonly rerun?: (typeof RERUNS)[number];
  readonly watch?: true;
  readonly interactive?: string;
  readonly shellOnFailure?: true;
  readonly keep?: true;
  readonly artifacts?: string;
  readonly open?: true;
  readonly stay?: true;
  readonly workerLog?: 'debug' | 'info' | 'warn' | 'error';
}

const GROUPS = {
  event: 'What happened (a synthetic event of this checkout, or a given one):',
  action: 'What to do instead of running the tasks:',
  tasks: 'Which tasks, and how:',
  tools: 'While developing:',
  given: 'What the tasks get:',
};

/** Returns the command with its arguments and options; it throws a CommanderError instead of ending the process. */
export function localCiCommand(version: string): Command {
  const command = new Command('local-ci')
    .description(
      "Run a repository's Taskcluster CI on this machine: the tasks that .taskcluster.yml makes of an event.",
    )
    .addArgument(
      new Argument('[path]', 'directory, or a .taskcluster.yml (default: the repository around this directory)'),
    )
    .addArgument(new Argument('[event]', `${EVENT_NAMES.join(', ')} (default: push)`));
  for (const option of allOptions()) command.addOption(option);
  return command
    .version(version)
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows all options)')
    .allowExcessArguments(false)
    .exitOverride();
}

const HELP = `
Completion: local-ci completion bash|zsh|fish prints a script for your shell.

Files: ~/.config/local-ci/rc and .local-circ at the top of the repository hold options, one a line, such as
"concurrency 4"; the command line wins. A repository's file may not set what reaches beyond the repository.

Examples:
  local-ci                                 run the CI of a push of this checkout, with its uncommitted changes
  local-ci pull-request --list             what a pull request would run
  local-ci --task build --only             one task without what it depends on
  local-ci --rerun failed                  the last run again, without what was successful

Ctrl-C cancels all tasks; a second one stops at once.
Exit codes: 0 all that could run completed; 1 a task failed or could not run (with one --task: its own exit code);
2 file, event or command line wrong, nothing was run; 3 no tasks for this event.
`;

/** The options in the order of the help. */
function allOptions(): readonly Option[] {
  return [
    ...grouped(GROUPS.event, eventOptions()),
    ...grouped(GROUPS.action, actionOptions()),
    ...grouped(GROUPS.tasks, taskOptions()),
    ...grouped(GROUPS.tools, developingOptions()),
    ...grouped(GROUPS.given, givenOptions()),
  ];
}

function grouped(heading: string, options: readonly Option[]): readonly Option[] {
  return options.map((option) => option.helpGroup(heading));
}

function eventOptions(): readonly Option[] {
  return [
    new Option('-e, --event <file>', 'webhook JSON, whole or laid over the synthetic event; - for standard input'),
    new Option('--branch <name>', 'the branch (default: the one that is checked out)'),
    new Option('--tag <name>', 'the tag of a tag or a release (default: one that names the commit)'),
    new Option('--base <branch>', 'what a pull request is to be merged into (default: the default branch)'),
    new Option(
      '--action <word>',
      'action of a pull request, a release or a comment (default: opened, published, created)',
    ),
    new Option('--number <n>', 'number of the pull request').argParser(positiveNumber),
    new Option('--comment <command>', 'what stands behind /taskcluster in the comment'),
    new Option('--actor <login>', 'who did it (default: github.user or user.email of git)'),
    new Option('--head', 'HEAD as committed; without it, changes of tracked files are part of what runs'),
    new Option('--tasks-for <word>', 'render for something else than GitHub, such as cron or action'),
    new Option('--context <file>', 'JSON or YAML file with the whole context for --tasks-for'),
    new Option('--root-url <url>', 'taskcluster_root_url of the rendering'),
  ];
}

function actionOptions(): readonly Option[] {
  return [
    new Option('-l, --list', 'list the tasks').conflicts(['json', 'graph', 'dryRun']),
    new Option('--json', 'print tasks and scopes as JSON').conflicts(['graph', 'dryRun']),
    new Option('--graph <format>', 'print the graph, for Graphviz (default) or as text')
      .choices(GRAPH_FORMATS)
      .conflicts('dryRun'),
    new Option('-n, --dry-run', 'check the definition and the payload of each task'),
  ];
}

function taskOptions(): readonly Option[] {
  return [
    repeated('-j, --task <name>', 'only this task, by name, taskId or /regex/, and what it depends on'),
    new Option('--only', 'with --task: without what it depends on'),
    new Option('--concurrency <n>', 'tasks at once (default: half of the cores)').argParser(positiveNumber),
    new Option('--keep-going', 'run all that can run after a failure (default)'),
    new Option('--fail-fast', 'cancel everything after the first failure').conflicts('keepGoing'),
    new Option('--artifacts <directory>', 'save artifacts below <directory>/<task name>/'),
    new Option('--worker-log <level>', "print the workers' own logs from this level on standard error").choices([
      'debug',
      'info',
      'warn',
      'error',
    ]),
  ];
}

function developingOptions(): readonly Option[] {
  return [
    new Option('--rerun <which>', 'the last run of this checkout again: all, or failed').choices(RERUNS),
    new Option('--watch', 'run again whenever a tracked file changes').conflicts('rerun'),
    new Option('-i, --interactive <task>', 'open a shell in the container of this task before its command runs'),
    new Option('--shell-on-failure', 'open a shell in the container of a task whose command failed'),
    new Option('--keep', 'keep the containers of failed tasks'),
    new Option('--open', 'open the page of the run in your browser').conflicts('watch'),
    new Option('--stay', 'when the run is over, keep its page until Ctrl-C').conflicts('watch'),
    new Option('--bind <path>', 'mount the checkout at this path of the container, in tasks that have it'),
  ];
}

function givenOptions(): readonly Option[] {
  return [
    new Option('--upstream <rootUrl>', 'Taskcluster that is asked for tasks, artifacts and images that are not here'),
    new Option('--offline', 'without --upstream, even if a file sets it'),
    secretOption(),
    new Option('--secrets <file>', 'YAML or JSON file with secrets by name'),
    settings('--env <name=value>', 'variable for all tasks'),
    repeated('--env-file <file>', 'file with such variables, one a line'),
    settings('--image <name=image>', 'image for the task of that name, instead of its own'),
    new Option('--cache-dir <directory>', 'keep the caches of tasks there, for the next run'),
    new Option('--config <file>', 'YAML file with settings of the worker'),
    new Option('--allow-privileged', 'allow tasks with capabilities.privileged, which can do anything to this machine'),
  ];
}

function repeated(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(
    (value: string, sofar: readonly string[] | undefined) => [...(sofar ?? []), value],
  );
}

function settings(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(
    (text: string, sofar: readonly Setting[] | undefined) => [...(sofar ?? []), setting(text)],
  );
}

function setting(text: string): Setting {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('It must be a name, = and a value.');
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function secretOption(): Option {
  const description = 'secret for the tasks, from a file; the name alone: from the variable of that name';
  return new Option('--secret <name=file>', `${description}; may be repeated`).argParser(
    (text: string, sofar: readonly SecretSource[] | undefined) => [...(sofar ?? []), secretSource(text)],
  );
}

function secretSource(text: string): SecretSource {
  const equals = text.indexOf('=');
  if (equals < 0) return { name: text, file: undefined };
  const [name, file] = [text.slice(0, equals), text.slice(equals + 1)];
  if (name === '' || file === '') throw new InvalidArgumentError('It must be a name, or a name, = and a file.');
  return { name, file };
}

const LONGEST_NUMBER = 9;

function positiveNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text) && text.length <= LONGEST_NUMBER) return Number(text);
  throw new InvalidArgumentError('It must be a number from 1 on.');
}

import { printable } from '../../lib/util/printable.js';
import { shortenMiddle } from '../../lib/util/shorten.js';
import { CiInputError } from '../model.js';
import type { CiTrigger, RenderedGraph } from '../model.js';
import { checkedFile } from './check-file.js';
import { loadYaml } from './load-yaml.js';
import { renderForContext } from './render-context.js';
import type { RenderOptions } from './render-options.js';
import { isObject, RenderProblem, TemplateProblem } from './render-problem.js';
import { renderVersion0 } from './render-version-0.js';
import { renderVersion1 } from './render-version-1.js';

export type { RenderOptions } from './render-options.js';

/** The text of a `.taskcluster.yml`. */
export interface TaskclusterYml {
  readonly text: string;
  /** What messages call it. */
  readonly path: string;
}

const LONGEST_PROBLEM = 8192;
const ROOT_URL = 'taskcluster_root_url';
/** What JSON-e says of a value that this event, or this deployment, does not have. */
const MISSING_VALUE = /: (unknown context value |object has no property )/;

/**
 * Makes tasks of a file as Taskcluster's github service does, or for a context as the other renderers of such files. An
 * empty file makes none. Throws CiInputError, which names file, event and place.
 *
 * A template may take any time and memory: `renderInThread` limits them.
 */
export function render(file: TaskclusterYml, trigger: CiTrigger, options: RenderOptions): RenderedGraph {
  try {
    const { tasks, hooks, ...graph } = rendered(file, trigger, options);
    return { ...graph, tasks: plain(tasks), hooks: plain(hooks) };
  } catch (error) {
    const problem = problemOf(error, file, options);
    if (problem === undefined) throw error;
    throw new CiInputError(aboutFile(file, trigger, problem), { cause: error });
  }
}

/** Returns the words of an error in file or event, on one or several lines, behind their names. */
export function aboutFile({ path }: TaskclusterYml, { title }: CiTrigger, problem: string): string {
  const separator = problem.startsWith('\n') ? '' : ' ';
  return printable(`${path} (${title}):${separator}${shortenMiddle(problem, LONGEST_PROBLEM)}`);
}

/** Whether the content of a YAML file is that of a `.taskcluster.yml`, and not a task. */
export function isTaskclusterYml(content: unknown): boolean {
  return isObject(content) && 'version' in content && ('tasks' in content || 'hooks' in content);
}

function rendered({ text }: TaskclusterYml, trigger: CiTrigger, options: RenderOptions): RenderedGraph {
  const content = loadYaml(text);
  if (trigger.kind === 'context') return renderForContext(content, trigger, options);
  if (!content) return { taskGroupId: undefined, tasks: [], scopes: [], hooks: [] };
  const file = checkedFile(content, options.rootUrl);
  return file.version === 0 ? renderVersion0(file, trigger, options) : renderVersion1(file, trigger, options);
}

/**
 * Returns a copy as JSON would have it. YAML has more types, and its aliases and JSON-e use one object in many places, so
 * that something small may become very large when it is sent.
 */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Returns what file or event has to do with an error, or undefined for one of ours. */
function problemOf(error: unknown, { text }: TaskclusterYml, { rootUrl }: RenderOptions): string | undefined {
  if (error instanceof RangeError) {
    return `${error.name}: ${error.message} (its values are nested too deeply, or one is too large)`;
  }
  if (!(error instanceof RenderProblem)) return undefined;
  if (!(error instanceof TemplateProblem) || !MISSING_VALUE.test(error.message)) return error.message;
  const advice = ['Many files are made for some events only.'];
  if (text.includes(ROOT_URL)) advice.push(`This one reads ${ROOT_URL}, which is ${rootUrl}: see --root-url.`);
  return `${error.message}\n${advice.join(' ')}`;
}

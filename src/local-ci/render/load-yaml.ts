import { load, YAMLException } from 'js-yaml';
import { RenderProblem } from './render-problem.js';

/** GitHub hands out no larger file in the call that the github service reads it with. */
const LONGEST_FILE = 1024 * 1024;

/**
 * Returns what the text of a `.taskcluster.yml` holds: undefined for an empty file. Throws RenderProblem for text that is
 * too long, is not YAML, or refers to itself.
 */
export function loadYaml(text: string): unknown {
  if (text.length > LONGEST_FILE) {
    throw new RenderProblem(`the file has ${text.length} characters, and at most ${LONGEST_FILE} are allowed`);
  }
  const content = parse(text);
  refuseCycles(content);
  return content;
}

function parse(text: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new RenderProblem(`the file is not YAML: ${error.message}`, { cause: error });
  }
}

/** A YAML alias may stand inside of what it names; neither a template nor a task can be made of that. */
function refuseCycles(content: unknown): void {
  const open = new Set<unknown>();
  const done = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || done.has(value)) return;
    if (open.has(value)) throw new RenderProblem('the file has an alias (*name) inside of what it names (&name)');
    open.add(value);
    for (const each of Object.values(value)) visit(each);
    open.delete(value);
    done.add(value);
  };
  visit(content);
}

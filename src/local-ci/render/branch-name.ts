import { shorten } from '../../lib/util/shorten.js';
import { RenderProblem } from './render-problem.js';

const LONGEST_NAME = 200;

/** Throws RenderProblem unless the name can be part of a role; undefined is no branch, which is allowed. */
export function checkBranchName(name: unknown): void {
  if (typeof name !== 'string' || /^[\x20-\x7e]*$/.test(name)) return;
  const quoted = JSON.stringify(shorten(name, LONGEST_NAME));
  throw new RenderProblem(`Must have only ascii-printable chars in branch names! This one is ${quoted}`);
}

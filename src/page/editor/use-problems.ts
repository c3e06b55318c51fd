import { useEffect, useState } from 'preact/hooks';
import { checkDefinition } from '../api/queue.js';
import type { DefinitionProblem } from '../api/queue.js';
import { asError } from '../live/use-loaded.js';
import { fromYaml } from './yaml.js';

const WAIT_MS = 250;

export interface Problem extends DefinitionProblem {
  /** Where it is, for a problem of YAML itself: a number of characters from the beginning. */
  readonly at?: number;
}

export interface Checked {
  readonly problems: readonly Problem[];
  /** The value of the text; undefined while it is no YAML. */
  readonly definition: unknown;
  readonly isChecking: boolean;
  readonly error: Error | undefined;
}

const UNCHECKED: Checked = { problems: [], definition: undefined, isChecking: true, error: undefined };

/** Checks a definition soon after it was changed last. */
export function useProblems(text: string): Checked {
  const [checked, setChecked] = useState<Checked>(UNCHECKED);
  useEffect(() => {
    setChecked((old) => ({ ...old, isChecking: true }));
    const stop = new AbortController();
    const timer = setTimeout(() => {
      check(text, stop.signal).then(
        (result) => {
          if (!stop.signal.aborted) setChecked(result);
        },
        () => undefined,
      );
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return checked;
}

async function check(text: string, signal: AbortSignal): Promise<Checked> {
  const read = fromYaml(text);
  if ('problem' in read) {
    const { problem, at } = read;
    return { ...UNCHECKED, problems: [{ path: '', message: `This is no YAML: ${problem}`, at }], isChecking: false };
  }
  const { value: definition } = read;
  try {
    const problems = await checkDefinition(definition, signal);
    return { problems, definition, isChecking: false, error: undefined };
  } catch (error) {
    return { problems: [], definition, isChecking: false, error: asError(error) };
  }
}

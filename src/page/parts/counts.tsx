import type { JSX } from 'preact';
import { TASK_STATES } from '../api/types.js';
import type { Group } from '../api/types.js';

/** How many tasks are in which state. */
export function Counts({ of: counts }: { readonly of: Group['counts'] }): JSX.Element {
  const there = TASK_STATES.filter((state) => counts[state] > 0);
  return (
    <span class="counts">
      {there.map((state) => (
        <span key={state} class={`state state-${state}`}>
          {counts[state]} {state}
        </span>
      ))}
    </span>
  );
}

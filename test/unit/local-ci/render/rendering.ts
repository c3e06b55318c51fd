import type { CiTrigger, ContextTrigger, JsonObject, RenderedGraph } from '../../../../src/local-ci/model.js';
import { render } from '../../../../src/local-ci/render/render.js';
import { push } from './github-events.js';

export const NOW = new Date('2026-11-30T12:00:00.000Z');
export const ROOT_URL = 'https://tc.example.com';

/** Renders a file; new task ids are `new-1`, `new-2` and so on. */
export function rendered(text: string, trigger: CiTrigger = push(), rootUrl = ROOT_URL): RenderedGraph {
  let count = 0;
  const newTaskId = (): string => {
    count += 1;
    return `new-${count}`;
  };
  return render({ text, path: '.taskcluster.yml' }, trigger, { rootUrl, now: NOW, newTaskId });
}

/** Renders a file of version 1 that has nothing but these tasks, in YAML. */
export function tasksOf(tasks: string, trigger?: CiTrigger): readonly (JsonObject & { readonly taskId: string })[] {
  const { tasks: list } = rendered(`version: 1\ntasks:\n${tasks}`, trigger);
  return list.map(({ taskId, task }) => ({ taskId, ...task }));
}

export function contextTrigger(tasksFor: string, context: JsonObject): ContextTrigger {
  return { kind: 'context', tasksFor, title: `${tasksFor} of context.json`, context };
}

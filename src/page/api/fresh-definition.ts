import type { Definition } from './types.js';

const INTERACTIVE_SECONDS = 3 * 3600;

/**
 * Returns the definition of a new task that does the same: its times are moved to now, and keep their distances. It has no
 * routes, as it would take the place of the first task in the index.
 */
export function freshDefinition(definition: Definition, now: Date): Definition {
  const shift = now.getTime() - new Date(definition.created).getTime();
  const moved = (time: string): string => new Date(new Date(time).getTime() + shift).toJSON();
  const { created, deadline, expires } = definition;
  return {
    ...definition,
    ...{ created: moved(created), deadline: moved(deadline), expires: moved(expires) },
    routes: [],
  };
}

/** Returns the same task with a shell, in a group of its own, and with time to look around. */
export function interactiveDefinition(definition: Definition): object {
  const { payload, metadata } = definition;
  const { features, maxRunTime } = payload as { readonly features?: object; readonly maxRunTime?: number };
  return {
    ...definition,
    // Without one, its group is its own.
    taskGroupId: undefined,
    metadata: { ...metadata, name: `${metadata.name} (interactive)` },
    payload: {
      ...payload,
      features: { ...features, interactive: true },
      maxRunTime: Math.max(maxRunTime ?? 0, INTERACTIVE_SECONDS),
    },
  };
}

/** Returns the definition that a new task begins with. */
export function firstDefinition(now: Date): object {
  const inHours = (hours: number): string => new Date(now.getTime() + hours * 3_600_000).toJSON();
  return {
    taskQueueId: 'local/pool',
    created: inHours(0),
    deadline: inHours(3),
    expires: inHours(24 * 30),
    payload: {
      image: 'docker-worker/demo:latest',
      command: ['/bin/sh', '-c', 'echo hello'],
      maxRunTime: 600,
    },
    metadata: {
      name: 'a task',
      description: 'made by hand',
      owner: 'me@localhost',
      source: 'https://localhost/',
    },
  };
}

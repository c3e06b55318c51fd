import type { TaskclusterCredentials } from '../../src/lib/config/config.js';

export const TEST_IMAGE = 'docker-worker/test:latest';

/** A task that does nothing, with `payload` laid over its payload and `task` over the rest. */
export function testTask(payload: object = {}, task: object = {}): Readonly<Record<string, unknown>> {
  const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
  return {
    taskQueueId: 'local/docker-worker',
    created: inMs(0),
    deadline: inMs(3600_000),
    expires: inMs(7200_000),
    payload: { image: TEST_IMAGE, command: ['true'], maxRunTime: 60, ...payload },
    metadata: { name: 'test', description: 'test', owner: 'test@localhost.localdomain', source: 'http://localhost/' },
    ...task,
  };
}

/** A command line for a task's payload. */
export function shell(script: string): { readonly command: readonly string[] } {
  return { command: ['/bin/sh', '-c', script] };
}

/** How a program is told which Taskcluster to use. */
export function taskclusterEnv(deployment: {
  readonly rootUrl: string;
  readonly credentials: TaskclusterCredentials;
}): Readonly<Record<string, string>> {
  return {
    TASKCLUSTER_ROOT_URL: deployment.rootUrl,
    TASKCLUSTER_CLIENT_ID: deployment.credentials.clientId,
    TASKCLUSTER_ACCESS_TOKEN: deployment.credentials.accessToken,
  };
}

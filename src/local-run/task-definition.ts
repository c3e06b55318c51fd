import { load, YAMLException } from 'js-yaml';

export interface TaskQueueName {
  readonly provisionerId: string;
  readonly workerType: string;
}

/** The error for a file that does not hold a task; the message says what is wrong with it. */
export class TaskFileError extends Error {
  override readonly name = 'TaskFileError';
}

const METADATA = {
  description: 'run on this machine',
  owner: 'nobody@localhost.localdomain',
  source: 'http://localhost/',
};
/** A bare payload has no scopes, and this worker serves only its author. */
const WORKER_SCOPES = ['docker-worker:*'];
const DAY_MS = 24 * 3600 * 1000;

/**
 * Returns the body of queue.createTask for the text of a YAML or JSON file with a whole task or a bare payload. The
 * task gets `taskQueue` in place of its own, starts now, and has `env` merged over its payload's. Throws TaskFileError.
 */
export function taskDefinition(
  text: string,
  fileName: string,
  taskQueue: TaskQueueName,
  env: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const content = parse(text, fileName);
  const isTask = isObject(content['payload']);
  const payload = isObject(content['payload']) ? content['payload'] : content;
  if (!isTask && !('image' in payload)) {
    throw new TaskFileError(`${fileName} holds neither a task (no "payload") nor a payload (no "image")`);
  }
  const task = isTask ? withoutDeploymentKeys(content) : { scopes: WORKER_SCOPES };
  const now = Date.now();
  const given = isObject(payload['env']) ? payload['env'] : {};
  const changed = Object.keys(env).length > 0 ? { env: { ...given, ...env } } : {};
  const { maxRunTime = 3600 } = payload;
  return {
    ...task,
    metadata: { ...METADATA, name: fileName, ...(isObject(task['metadata']) ? task['metadata'] : {}) },
    ...taskQueue,
    created: new Date(now).toISOString(),
    deadline: new Date(now + DAY_MS).toISOString(),
    expires: new Date(now + 2 * DAY_MS).toISOString(),
    payload: { ...payload, maxRunTime, ...artifactsOf(payload), ...changed },
  };
}

/**
 * Removes expiry times of artifacts: they refer to the original task's times, and may be past or after the new task's
 * expiry.
 */
function artifactsOf({ artifacts }: Readonly<Record<string, unknown>>): { readonly artifacts?: unknown } {
  if (!isObject(artifacts)) return {};
  const isTime = (key: string, value: unknown): boolean =>
    key === 'expires' && (value instanceof Date || !Number.isNaN(Date.parse(String(value))));
  const withoutExpiry = Object.entries(artifacts).map(([name, artifact]) => [
    name,
    isObject(artifact)
      ? Object.fromEntries(Object.entries(artifact).filter(([key, value]) => !isTime(key, value)))
      : artifact,
  ]);
  return { artifacts: Object.fromEntries(withoutExpiry) as unknown };
}

/** Returns the task without properties that tie it to its original deployment. */
function withoutDeploymentKeys(task: Record<string, unknown>): Record<string, unknown> {
  const deploymentKeys = new Set(['taskQueueId', 'taskGroupId', 'dependencies', 'requires', 'routes', 'schedulerId']);
  return Object.fromEntries(Object.entries(task).filter(([key]) => !deploymentKeys.has(key)));
}

function parse(text: string, fileName: string): Record<string, unknown> {
  try {
    const content = load(text, { filename: fileName });
    if (isObject(content)) return content;
  } catch (error) {
    if (error instanceof YAMLException) throw new TaskFileError(`${fileName} is not YAML: ${error.message}`);
    throw error;
  }
  throw new TaskFileError(`${fileName} does not hold a task: expected a map`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

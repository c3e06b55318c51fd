import got, { HTTPError, RequestError } from 'got';
import { errorMessage } from '../lib/util/error-message.js';
import { TaskFileError } from './task-definition.js';
import { trimEnd } from '../lib/util/trim-end.js';

/** A task of a deployment, as it is named on a command line. */
export interface TaskAddress {
  readonly taskId: string;
  readonly rootUrl: string;
}

const TASK_ID = /^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/;
const TIMEOUT_MS = 30_000;
const RETRIES = 2;

/**
 * Parses `taskId@rootUrl`. Returns undefined for text without that form, such as a file name. Throws TaskFileError when
 * one half is invalid.
 */
export function parseTaskAddress(text: string): TaskAddress | undefined {
  const [, taskId = '', rootUrl = ''] = /^([^@/]+)@(https?:\/\/.*)$/.exec(text) ?? [];
  if (rootUrl === '') return undefined;
  if (!TASK_ID.test(taskId))
    throw new TaskFileError(`${text}: "${taskId}" is not a task id (22 letters, digits, - or _)`);
  if (!URL.canParse(rootUrl)) throw new TaskFileError(`${text}: "${rootUrl}" is not a root URL`);
  return { taskId, rootUrl: trimEnd(rootUrl, '/') };
}

/**
 * Returns the task's definition as JSON text. Definitions are public, so no credentials are needed. Throws
 * TaskFileError when there is no such task.
 */
export async function fetchTask({ taskId, rootUrl }: TaskAddress, signal: AbortSignal): Promise<string> {
  const url = `${rootUrl}/api/queue/v1/task/${taskId}`;
  try {
    const body = await got(url, { timeout: { request: TIMEOUT_MS }, retry: { limit: RETRIES }, signal }).text();
    if (isJson(body)) return body;
  } catch (error) {
    if (error instanceof HTTPError && error.response.statusCode === 404) {
      throw new TaskFileError(`there is no task ${taskId} at ${rootUrl} (it may have expired)`);
    }
    if (error instanceof RequestError) throw new Error(`cannot get ${url}: ${errorMessage(error)}`, { cause: error });
    throw error;
  }
  throw new TaskFileError(`${url} is not a task: is ${rootUrl} the root URL of a Taskcluster deployment?`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

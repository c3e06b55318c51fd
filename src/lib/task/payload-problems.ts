import { LONGEST_ARTIFACT_NAME, quotedName } from '../artifacts/artifact-name.js';
import { CACHE_NAME_RULE, isCacheName } from '../caches/cache-name.js';
import type { TaskDefinition } from '../queue/queue-client.js';
import { shorten } from '../util/shorten.js';
import { isLogName } from './log-text.js';
import { MOUNT_PATH_RULE, isMountPath, mountPath } from './mount-path.js';
import type { Payload, PayloadArtifact } from './payload.js';

// Linux's PATH_MAX, with its terminating NUL.
const LONGEST_PATH = 4095;
const MAX_QUOTED_LENGTH = 1000;
// An empty one is as good as none.
const HEADER_VALUE = /^[\x20-\x7e]*$/;

/** What is wrong with a payload that its schema can't say, in the schema's manner of naming places, found as it is read. */
export function* payloadProblems(
  payload: Payload,
  task: TaskDefinition,
  maxTaskRunTimeSeconds: number | undefined,
): Iterable<string> {
  // Half a pair stands in JSON as an escape, which is found sooner than by looking at each of a million texts.
  if (JSON.stringify(payload).includes('\\ud')) yield* brokenText(payload, ['data']);
  yield* logName(payload);
  for (const [name, artifact] of Object.entries(payload.artifacts ?? {})) yield* artifactProblems(name, artifact, task);
  yield* cacheProblems(payload);
  yield* sharedMountPaths(payload);
  yield* tooLong(payload, maxTaskRunTimeSeconds);
}

/** Half of a surrogate pair can't be written in UTF-8, so neither the engine nor the queue could be told of it. */
function* brokenText(value: object, at: readonly string[]): Iterable<string> {
  for (const [key, each] of Object.entries(value) as Iterable<[string, unknown]>) {
    if (!key.isWellFormed()) {
      yield `${at.join('/')} should have keys that are well-formed Unicode: ${quoted(key)}`;
    } else if (typeof each === 'object' && each !== null) {
      yield* brokenText(each, [...at, pointer(key)]);
    } else if (typeof each === 'string' && !each.isWellFormed()) {
      yield `${[...at, pointer(key)].join('/')} should be well-formed Unicode: ${quoted(each)}`;
    }
  }
}

function* logName({ log }: Payload): Iterable<string> {
  if (log === undefined || isLogName(log)) return;
  const longest = LONGEST_ARTIFACT_NAME - '_backing'.length;
  yield `data/log should not have an empty part, "." or ".." between its slashes, an apostrophe, or more than ${longest} characters: ${quotedName(log)}`;
}

function* artifactProblems(name: string, artifact: PayloadArtifact, task: TaskDefinition): Iterable<string> {
  const problem = (key: string, text: string): string => `data/artifacts/${pointer(name)}/${key} ${text}`;
  const { expires, path: place, type, contentType } = artifact;
  if (contentType !== undefined && !HEADER_VALUE.test(contentType)) {
    yield problem('contentType', `should be printable ASCII, as HTTP demands: ${quoted(contentType)}`);
  }
  if (expires !== undefined && Number.isNaN(Date.parse(expires))) {
    yield problem('expires', `should be a date such as 2030-01-31T12:00:00.000Z: ${quoted(expires)}`);
  } else if (expires !== undefined && Date.parse(expires) > Date.parse(task.expires)) {
    yield problem(
      'expires',
      `should not be after the task's own expiration (${expires} is later than ${task.expires})`,
    );
  }
  if (Buffer.byteLength(place) > LONGEST_PATH) {
    yield problem('path', `should be no longer than ${LONGEST_PATH} bytes, as no file has such a path`);
  }
  if (place === '') yield problem('path', 'should not be empty');
  if (place.includes('\0')) yield problem('path', 'should not hold a NUL character: no file can have that name');
  if (type === 'volume' && !isMountPath(place)) {
    yield problem('path', `should be ${MOUNT_PATH_RULE}, where the volume is mounted: ${quoted(place)}`);
  }
}

function* cacheProblems({ cache = {} }: Payload): Iterable<string> {
  for (const [name, place] of Object.entries(cache)) {
    if (!isCacheName(name)) yield `data/cache should have other names than ${quoted(name)}: ${CACHE_NAME_RULE}`;
    if (!isMountPath(place)) {
      yield `data/cache/${pointer(name)} should be ${MOUNT_PATH_RULE}, where the cache is mounted: ${quoted(place)}`;
    }
  }
}

interface Mount {
  readonly at: string;
  readonly what: string;
  readonly place: string;
}

/** Docker would refuse a second mount at one path, or mount only one of them. */
function* sharedMountPaths(payload: Payload): Iterable<string> {
  const taken = new Map<string, string>();
  for (const { at, what, place } of mounts(payload)) {
    const owner = taken.get(mountPath(place));
    if (owner !== undefined) {
      yield `data/${at} should be another path: the ${owner} is mounted at ${shorten(place, MAX_QUOTED_LENGTH)}`;
    }
    taken.set(mountPath(place), what);
  }
}

/** Those that can be mounted at all. */
function* mounts({ artifacts = {}, cache = {} }: Payload): Iterable<Mount> {
  for (const [name, place] of Object.entries(cache)) {
    if (isMountPath(place))
      yield { at: `cache/${pointer(name)}`, what: `cache "${shorten(name, MAX_QUOTED_LENGTH)}"`, place };
  }
  for (const [name, { type, path: place }] of Object.entries(artifacts)) {
    if (type !== 'volume' || !isMountPath(place)) continue;
    const what = `volume of artifact "${shorten(name, MAX_QUOTED_LENGTH)}"`;
    yield { at: `artifacts/${pointer(name)}/path`, what, place };
  }
}

function* tooLong({ maxRunTime }: Payload, maxTaskRunTimeSeconds: number | undefined): Iterable<string> {
  if (maxTaskRunTimeSeconds === undefined || maxRunTime <= maxTaskRunTimeSeconds) return;
  yield `data/maxRunTime should be <= ${maxTaskRunTimeSeconds}, the longest this worker allows`;
}

/** As in a JSON pointer. */
function pointer(name: string): string {
  return shorten(name, MAX_QUOTED_LENGTH).replaceAll('~', '~0').replaceAll('/', '~1');
}

function quoted(text: string): string {
  return JSON.stringify(shorten(text, MAX_QUOTED_LENGTH));
}

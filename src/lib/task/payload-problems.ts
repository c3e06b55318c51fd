import { LONGEST_ARTIFACT_NAME, quotedName } from '../artifacts/artifact-name.js';
import { CACHE_NAME_RULE, isCacheName } from '../caches/cache-name.js';
import type { TaskDefinition } from '../queue/queue-client.js';
import { shorten } from '../util/shorten.js';
import { isLogName } from '../task-log/publisher.js';
import { MOUNT_PATH_RULE, isMountPath, mountOf, mountPath } from '../caches/mount-path.js';
import type { Payload, PayloadArtifact } from './payload.js';

// Linux's PATH_MAX, with its terminating NUL.
const LONGEST_PATH = 4095;
const MAX_QUOTED_LENGTH = 1000;
/** How far the clocks of the worker and the queue may differ; the queue accepts times that have just passed. */
const CLOCK_SKEW_MS = 15 * 60_000;
// An empty value counts as absent.
const HEADER_VALUE = /^[\x20-\x7e]*$/;

export interface PayloadContext {
  readonly task: TaskDefinition;
  readonly maxTaskRunTimeSeconds: number | undefined;
  readonly now: Date;
}

/**
 * Yields the problems of a payload, or of its schema-valid parts, that the schema can't express. Names places as the
 * schema does, and finds problems as the caller reads them.
 */
export function* payloadProblems(
  payload: Partial<Payload>,
  { task, maxTaskRunTimeSeconds, now }: PayloadContext,
): Iterable<string> {
  // JSON escapes half of a surrogate pair; searching for the escape is faster than checking each of a million strings.
  if (JSON.stringify(payload).includes('\\ud')) yield* brokenText(payload, ['data']);
  yield* logName(payload);
  yield* envProblems(payload);
  for (const [name, artifact] of Object.entries(payload.artifacts ?? {})) {
    yield* artifactProblems(name, artifact);
    yield* expiryProblems(name, artifact, { task, now });
  }
  yield* cacheProblems(payload);
  yield* sharedMountPaths(payload);
  yield* tooLong(payload, maxTaskRunTimeSeconds);
}

/** Half of a surrogate pair can't be encoded in UTF-8, so it could be sent neither to the engine nor to the queue. */
function* brokenText(value: object, at: readonly string[]): Iterable<string> {
  for (const [key, each] of Object.entries(value) as Iterable<[string, unknown]>) {
    if (!key.isWellFormed()) {
      yield `${at.join('/')} should have keys that are well-formed Unicode: ${quoted(key)}`;
    } else if (typeof each === 'object' && each !== null) {
      yield* brokenText(each, [...at, shortened(key)]);
    } else if (typeof each === 'string' && !each.isWellFormed()) {
      yield `${[...at, shortened(key)].join('/')} should be well-formed Unicode: ${quoted(each)}`;
    }
  }
}

function* logName({ log = '' }: Partial<Payload>): Iterable<string> {
  if (log === '' || isLogName(log)) return;
  const longest = LONGEST_ARTIFACT_NAME - '_backing'.length;
  yield `data/log should not have an empty part, "." or ".." between its slashes, an apostrophe, or more than ${longest} characters: ${quotedName(log)}`;
}

/** The engine takes `name=value`; the name ends at the first equals sign. */
function* envProblems({ env = {} }: Partial<Payload>): Iterable<string> {
  for (const name of Object.keys(env)) {
    if (name === '' || /[=\0]/.test(name)) {
      yield `data/env should have other names than ${quoted(name)}: the name of a variable has no "=" or NUL character, and is not empty`;
    }
  }
}

function* expiryProblems(
  name: string,
  { expires }: PayloadArtifact,
  { task, now }: Pick<PayloadContext, 'task' | 'now'>,
): Iterable<string> {
  if (expires === undefined) return;
  const place = `data/artifacts/${shortened(name)}/expires`;
  const time = Date.parse(expires);
  if (Number.isNaN(time)) {
    yield `${place} should be a date such as 2030-01-31T12:00:00.000Z: ${quoted(expires)}`;
  } else if (time > Date.parse(task.expires)) {
    yield `Artifact expiration for '${shortened(name)}' must not be greater than task expiration: ${place} is ${expires}, and the task expires ${task.expires}`;
  } else if (time < now.getTime() - CLOCK_SKEW_MS) {
    yield `${place} should not be in the past: ${quoted(expires)}`;
  }
}

function* artifactProblems(name: string, artifact: PayloadArtifact): Iterable<string> {
  const problem = (key: string, text: string): string => `data/artifacts/${shortened(name)}/${key} ${text}`;
  const { path: place, type, contentType } = artifact;
  if (contentType !== undefined && !HEADER_VALUE.test(contentType)) {
    yield problem('contentType', `should be printable ASCII, as HTTP demands: ${quoted(contentType)}`);
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

function* cacheProblems({ cache = {} }: Partial<Payload>): Iterable<string> {
  for (const [name, place] of Object.entries(cache)) {
    if (!isCacheName(name)) yield `data/cache should have other names than ${quoted(name)}: ${CACHE_NAME_RULE}`;
    if (!isMountPath(mountOf(place).path)) {
      yield `data/cache/${shortened(name)} should be ${MOUNT_PATH_RULE}, where the cache is mounted: ${quoted(place)}`;
    }
  }
}

interface Mount {
  readonly at: string;
  readonly what: string;
  readonly place: string;
}

/** Docker would refuse a second mount at the same path, or mount only one of them. */
function* sharedMountPaths(payload: Partial<Payload>): Iterable<string> {
  const taken = new Map<string, string>();
  for (const { at, what, place } of mounts(payload)) {
    const owner = taken.get(mountPath(place));
    if (owner !== undefined) {
      yield `data/${at} should be another path: the ${owner} is mounted at ${shorten(place, MAX_QUOTED_LENGTH)}`;
    }
    taken.set(mountPath(place), what);
  }
}

/** Yields the mounts whose paths are valid. */
function* mounts({ artifacts = {}, cache = {} }: Partial<Payload>): Iterable<Mount> {
  for (const [name, mount] of Object.entries(cache)) {
    const place = mountOf(mount).path;
    if (isMountPath(place)) yield { at: `cache/${shortened(name)}`, what: `cache "${shortened(name)}"`, place };
  }
  for (const [name, { type, path: place }] of Object.entries(artifacts)) {
    if (type !== 'volume' || !isMountPath(place)) continue;
    const what = `volume of artifact "${shortened(name)}"`;
    yield { at: `artifacts/${shortened(name)}/path`, what, place };
  }
}

function* tooLong({ maxRunTime = 0 }: Partial<Payload>, maxTaskRunTimeSeconds: number | undefined): Iterable<string> {
  if (maxTaskRunTimeSeconds === undefined || maxRunTime <= maxTaskRunTimeSeconds) return;
  yield `data/maxRunTime should be <= ${maxTaskRunTimeSeconds}, the longest this worker allows`;
}

function shortened(name: string): string {
  return shorten(name, MAX_QUOTED_LENGTH);
}

function quoted(text: string): string {
  return JSON.stringify(shorten(text, MAX_QUOTED_LENGTH));
}

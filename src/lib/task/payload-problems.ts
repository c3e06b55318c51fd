import { LONGEST_ARTIFACT_NAME, quotedName } from '../artifacts/artifact-name.js';
import { CACHE_NAME_RULE, isCacheName } from '../caches/cache-name.js';
import type { TaskDefinition } from '../queue/queue-client.js';
import { isLogName } from './log-text.js';
import { MOUNT_PATH_RULE, isMountPath, mountPath } from './mount-path.js';
import type { Payload, PayloadArtifact } from './payload.js';

// Linux's PATH_MAX, with its terminating NUL.
const LONGEST_PATH = 4095;
const BROKEN = 'should be well-formed Unicode';
// An empty one is as good as none.
const HEADER_VALUE = /^[\x20-\x7e]*$/;

/** What is wrong with a payload that its schema can't say, in the schema's manner of naming places. */
export function payloadProblems(
  payload: Payload,
  task: TaskDefinition,
  maxTaskRunTimeSeconds: number | undefined,
): readonly string[] {
  return [
    ...brokenText(payload, 'data'),
    ...logName(payload),
    ...Object.entries(payload.artifacts ?? {}).flatMap(([name, artifact]) => artifactProblems(name, artifact, task)),
    ...cacheProblems(payload),
    ...sharedMountPaths(payload),
    ...tooLong(payload, maxTaskRunTimeSeconds),
  ];
}

/** Half of a surrogate pair can't be written in UTF-8, so neither the engine nor the queue could be told of it. */
function brokenText(value: unknown, at: string): readonly string[] {
  if (typeof value === 'string') return value.isWellFormed() ? [] : [`${at} ${BROKEN}: ${JSON.stringify(value)}`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key.isWellFormed()
      ? brokenText(each, `${at}/${pointer(key)}`)
      : [`${at} should have keys that are well-formed Unicode: ${JSON.stringify(key)}`],
  );
}

function logName({ log }: Payload): readonly string[] {
  if (log === undefined || isLogName(log)) return [];
  const longest = LONGEST_ARTIFACT_NAME - '_backing'.length;
  return [
    `data/log should not have an empty part, "." or ".." between its slashes, an apostrophe, or more than ${longest} characters: ${quotedName(log)}`,
  ];
}

function artifactProblems(name: string, artifact: PayloadArtifact, task: TaskDefinition): readonly string[] {
  const problem = (key: string, text: string): string => `data/artifacts/${pointer(name)}/${key} ${text}`;
  const { expires, path: place, type, contentType } = artifact;
  const problems: string[] = [];
  if (contentType !== undefined && !HEADER_VALUE.test(contentType)) {
    problems.push(problem('contentType', `should be printable ASCII, as HTTP demands: ${JSON.stringify(contentType)}`));
  }
  if (expires !== undefined && Number.isNaN(Date.parse(expires))) {
    problems.push(problem('expires', `should be a date such as 2030-01-31T12:00:00.000Z: ${JSON.stringify(expires)}`));
  } else if (expires !== undefined && new Date(expires) > new Date(task.expires)) {
    problems.push(
      problem('expires', `should not be after the task's own expiration (${expires} is later than ${task.expires})`),
    );
  }
  if (Buffer.byteLength(place) > LONGEST_PATH) {
    problems.push(problem('path', `should be no longer than ${LONGEST_PATH} bytes, as no file has such a path`));
  }
  if (place === '') problems.push(problem('path', 'should not be empty'));
  if (place.includes('\0'))
    problems.push(problem('path', 'should not hold a NUL character: no file can have that name'));
  if (type === 'volume' && !isMountPath(place)) {
    problems.push(
      problem('path', `should be ${MOUNT_PATH_RULE}, where the volume is mounted: ${JSON.stringify(place)}`),
    );
  }
  return problems;
}

function cacheProblems({ cache = {} }: Payload): readonly string[] {
  return Object.entries(cache).flatMap(([name, place]) => [
    ...(isCacheName(name)
      ? []
      : [`data/cache should have other names than ${JSON.stringify(name)}: ${CACHE_NAME_RULE}`]),
    ...(isMountPath(place)
      ? []
      : [
          `data/cache/${pointer(name)} should be ${MOUNT_PATH_RULE}, where the cache is mounted: ${JSON.stringify(place)}`,
        ]),
  ]);
}

/** Docker would refuse a second mount at one path, or mount only one of them. */
function sharedMountPaths({ artifacts = {}, cache = {} }: Payload): readonly string[] {
  const mounts = [
    ...Object.entries(cache).map(([name, place]) => ({ at: `cache/${pointer(name)}`, what: `cache "${name}"`, place })),
    ...Object.entries(artifacts).flatMap(([name, { type, path: place }]) =>
      type === 'volume' ? [{ at: `artifacts/${pointer(name)}/path`, what: `volume of artifact "${name}"`, place }] : [],
    ),
  ];
  const taken = new Map<string, string>();
  const problems: string[] = [];
  for (const { at, what, place } of mounts) {
    const owner = taken.get(mountPath(place));
    if (owner !== undefined) problems.push(`data/${at} should be another path: the ${owner} is mounted at ${place}`);
    taken.set(mountPath(place), what);
  }
  return problems;
}

function tooLong({ maxRunTime }: Payload, maxTaskRunTimeSeconds: number | undefined): readonly string[] {
  if (maxTaskRunTimeSeconds === undefined || maxRunTime <= maxTaskRunTimeSeconds) return [];
  return [`data/maxRunTime should be <= ${maxTaskRunTimeSeconds}, the longest this worker allows`];
}

/** As in a JSON pointer. */
function pointer(name: string): string {
  return name.replace(/~/g, '~0').replace(/\//g, '~1');
}

import path from 'node:path/posix';
import type { TaskDefinition } from '../queue/queue-client.js';
import { isLogName } from './log-text.js';
import type { Payload, PayloadArtifact } from './payload.js';

/** What is wrong with a payload that its schema can't say, in the schema's manner of naming places. */
export function payloadProblems(
  payload: Payload,
  task: TaskDefinition,
  maxTaskRunTimeSeconds: number | undefined,
): readonly string[] {
  return [
    ...logName(payload),
    ...Object.entries(payload.artifacts ?? {}).flatMap(([name, artifact]) => artifactProblems(name, artifact, task)),
    ...sharedVolumePaths(payload),
    ...tooLong(payload, maxTaskRunTimeSeconds),
  ];
}

function logName({ log }: Payload): readonly string[] {
  if (log === undefined || isLogName(log)) return [];
  return [
    `data/log should not have an empty part, "." or ".." between its slashes, or an apostrophe: ${JSON.stringify(log)}`,
  ];
}

function artifactProblems(name: string, artifact: PayloadArtifact, task: TaskDefinition): readonly string[] {
  const problem = (key: string, text: string): string => `data/artifacts/${pointer(name)}/${key} ${text}`;
  const { expires, path: place, type } = artifact;
  const problems: string[] = [];
  if (expires !== undefined && new Date(expires) > new Date(task.expires)) {
    problems.push(
      problem('expires', `should not be after the task's own expiration (${expires} is later than ${task.expires})`),
    );
  }
  if (place === '') problems.push(problem('path', 'should not be empty'));
  if (place.includes('\0'))
    problems.push(problem('path', 'should not hold a NUL character: no file can have that name'));
  if (type === 'volume' && !isMountable(place)) {
    const rule = 'should be an absolute path below /, without "." or ".." or a colon, where the volume is mounted';
    problems.push(problem('path', `${rule}: ${JSON.stringify(place)}`));
  }
  return problems;
}

/** A colon would end the path in the engine's words for a mount. */
function isMountable(place: string): boolean {
  const plain = volumePath(place);
  return plain.startsWith('/') && plain !== '/' && !/(^|\/)\.\.?(\/|$)/.test(place) && !/[:\0]/.test(place);
}

/** The path of a volume as docker names it: without slashes too many. */
export function volumePath(place: string): string {
  return path.normalize(place).replace(/(?<=.)\/$/, '');
}

function sharedVolumePaths({ artifacts = {}, cache = {} }: Payload): readonly string[] {
  const taken = new Map(Object.entries(cache).map(([name, place]) => [volumePath(place), `cache "${name}"`]));
  const problems: string[] = [];
  for (const [name, { type, path: place }] of Object.entries(artifacts)) {
    if (type !== 'volume') continue;
    const owner = taken.get(volumePath(place));
    if (owner !== undefined) {
      problems.push(`data/artifacts/${pointer(name)}/path should be another path: the ${owner} is mounted at ${place}`);
    }
    taken.set(volumePath(place), `volume of artifact "${name}"`);
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

import { isMountPath, mountOf, mountPath, MOUNT_PATH_RULE } from '../../lib/caches/mount-path.js';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { changePayload, isObject } from './change-payload.js';
import { withEnvironment } from './with-environment.js';

/** taskgraph's run-task expects a cache, or an empty volume, at each path in these lists, and manages what is there. */
const LISTS = ['TASKCLUSTER_CACHES', 'TASKCLUSTER_VOLUMES'] as const;

/**
 * Prepares a definition for a directory of this machine at `containerPath`, which HostDirectories mounts: a payload
 * can't do that. There is no cache at that path then, and git there accepts files of another owner. Throws a
 * CiInputError for a path where nothing can be mounted.
 */
export function withBind(definition: JsonObject, containerPath: string): JsonObject {
  const path = bindPath(containerPath);
  const changed = changePayload(definition, (payload) => ({
    ...(isObject(payload['cache']) && { cache: withoutPath(payload['cache'], path) }),
    ...(isObject(payload['env']) && { env: withoutListed(payload['env'], path) }),
  }));
  const trust = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: path };
  return withEnvironment(changed, trust);
}

/** Returns the path as docker normalizes it. Throws a CiInputError if nothing can be mounted there. */
export function bindPath(containerPath: string): string {
  if (isMountPath(containerPath)) return mountPath(containerPath);
  throw new CiInputError(
    `--bind ${JSON.stringify(containerPath)}: the path in the container must be ${MOUNT_PATH_RULE}`,
  );
}

function withoutPath(caches: JsonObject, path: string): JsonObject {
  const others = Object.entries(caches).filter(
    ([, place]) => typeof place !== 'string' || mountPath(mountOf(place).path) !== path,
  );
  return Object.fromEntries(others);
}

function withoutListed(env: JsonObject, path: string): JsonObject {
  const lists = LISTS.flatMap((name) => {
    const list = env[name];
    if (typeof list !== 'string') return [];
    return [
      [
        name,
        list
          .split(';')
          .filter((place) => mountPath(place) !== path)
          .join(';'),
      ] as const,
    ];
  });
  return { ...env, ...Object.fromEntries(lists) };
}

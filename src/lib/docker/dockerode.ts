import { createRequire } from 'node:module';
import type DockerodeClass from 'dockerode';

/**
 * What the worker has no use for, sessions of BuildKit (gRPC) and the engine behind ssh: they take longer to load than all
 * else of dockerode, each time that the worker starts. Each is a file that exports one function.
 */
const UNUSED: readonly (readonly [library: string, file: string])[] = [
  ['dockerode', './session'],
  ['docker-modem', './ssh'],
];

function loadDockerode(): typeof DockerodeClass {
  const load = createRequire(import.meta.url);
  const loadFromDockerode = createRequire(load.resolve('dockerode'));
  for (const [library, file] of UNUSED) {
    const filename = createRequire(loadFromDockerode.resolve(library)).resolve(file);
    load.cache[filename] = unusedModule(filename, `${library} was loaded without ${file}`);
  }
  return load('dockerode') as typeof DockerodeClass;
}

/** As the loader keeps a module that has been loaded already. */
function unusedModule(filename: string, message: string): NodeJS.Module {
  const exports = (): never => {
    throw new Error(message);
  };
  return { id: filename, filename, loaded: true, exports } as unknown as NodeJS.Module;
}

/** dockerode without the parts that the worker has no use for. */
export const Docker = loadDockerode();
export type Docker = DockerodeClass;

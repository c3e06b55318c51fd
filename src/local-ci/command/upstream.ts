import { join } from 'node:path';
import { trimEnd } from '../../lib/util/trim-end.js';
import type { LocalTaskclusterOptions } from '../../local-taskcluster/server.js';
import { CiInputError } from '../model.js';
import type { Settings, Surroundings } from './settings.js';

/** The deployment that is asked for what is not here. */
export interface Upstream {
  readonly options: NonNullable<LocalTaskclusterOptions['upstream']>;
  /** What the user should know about it. */
  readonly notes: readonly string[];
}

/** Returns the deployment that the settings name, if any. Throws a CiInputError for what is no root URL. */
export function upstreamOf(
  { given, isUpstreamOfUser }: Settings,
  { env, homeDirectory }: Pick<Surroundings, 'env' | 'homeDirectory'>,
): Upstream | undefined {
  if (given.upstream === undefined || given.offline === true) return undefined;
  const rootUrl = rootUrlOf(given.upstream, '--upstream');
  const cache = env['XDG_CACHE_HOME'];
  const cacheDir = join(
    cache?.startsWith('/') === true ? cache : join(homeDirectory, '.cache'),
    'local-ci',
    'artifacts',
  );
  const credentials = credentialsFor(rootUrl, env);
  if (credentials && isUpstreamOfUser) {
    const notes = [`${rootUrl} is asked as ${JSON.stringify(credentials.clientId)}, for reading only.`];
    return { options: { rootUrl, credentials, cacheDir }, notes };
  }
  const why = credentials
    ? `${rootUrl} is asked without your credentials, because .local-circ names it: --upstream on the command line uses them.`
    : undefined;
  return { options: { rootUrl, cacheDir }, notes: why === undefined ? [] : [why] };
}

/** Returns the root URL as Taskcluster writes it. Throws a CiInputError that names the option. */
export function rootUrlOf(text: string, option: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url !== undefined && ['http:', 'https:'].includes(url.protocol);
  if (isWeb && url.username === '' && url.password === '' && url.search === '' && url.hash === '')
    return trimEnd(text, '/');
  throw new CiInputError(
    `${option} ${JSON.stringify(text.slice(0, 200))}: expected the root URL of a deployment, such as https://tc.example.com`,
  );
}

/** The credentials of the environment belong to the deployment that it names, or to whichever the user means. */
function credentialsFor(rootUrl: string, env: Surroundings['env']) {
  const {
    TASKCLUSTER_CLIENT_ID: clientId,
    TASKCLUSTER_ACCESS_TOKEN: accessToken,
    TASKCLUSTER_CERTIFICATE: certificate,
  } = env;
  const owner = env['TASKCLUSTER_ROOT_URL'];
  if (!clientId || !accessToken || (owner !== undefined && trimEnd(owner, '/') !== rootUrl)) return undefined;
  return { clientId, accessToken, ...(certificate && { certificate }) };
}

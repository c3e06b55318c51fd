import { trimEnd } from '../../lib/util/trim-end.js';

/** A repository as its URLs name it. */
export interface RepositoryName {
  /** `github.com` */
  readonly host: string;
  /** May have slashes in it. */
  readonly organization: string;
  readonly repository: string;
}

/** Returns the path of a repository below the server's token: readable, for it is in git's messages. */
export function servedPath({ host, organization, repository }: RepositoryName): string {
  const parts = [host, ...organization.split('/'), repository];
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}

/** Returns the address of a repository at its host, without `.git`. */
export function realUrl({ host, organization, repository }: RepositoryName): string {
  return `https://${host}/${organization}/${repository}`;
}

/** Returns the beginnings of all URLs by which tasks may name the repository. */
function urlForms(name: RepositoryName, remoteUrl: string | undefined): readonly string[] {
  const { host, organization, repository } = name;
  const path = `${organization}/${repository}`;
  const schemes = ['https://', 'http://', 'git://', 'ssh://git@'].map((scheme) => `${scheme}${host}/${path}`);
  const own = remoteUrl === undefined ? '' : trimEnd(remoteUrl, '/').replace(/\.git$/, '');
  // A path is one on this machine.
  const isAddress = /^[a-z][a-z+]*:\/\/./.test(own) || /^[\w.-]+@[\w.-]+:./.test(own);
  return [...new Set([...schemes, `git@${host}:${path}`, ...(isAddress ? [own] : [])])];
}

export interface ServedAs {
  readonly name: RepositoryName;
  /** The URL under which this repository is served, without `.git`. */
  readonly url: string;
  /** As the checkout has it configured, without credentials. */
  readonly remoteUrl?: string | undefined;
}

/**
 * Returns variables that make git (from 2.31 on) use the served URLs in place of the real ones. They are the
 * configuration `url.<served>.insteadOf`, which is about the beginning of a URL: so `…/name-of-another` comes too.
 */
export function gitConfigVariables(served: readonly ServedAs[]): Readonly<Record<string, string>> {
  const entries = served.flatMap(({ name, url, remoteUrl }) => [
    ...urlForms(name, remoteUrl).map((form) => [`url.${url}.insteadOf`, form] as const),
    // A proxy for the world does not know this machine.
    [`http.${url}.proxy`, ''] as const,
  ]);
  const numbered = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return Object.fromEntries([['GIT_CONFIG_COUNT', String(entries.length)], ...numbered]) as Record<string, string>;
}

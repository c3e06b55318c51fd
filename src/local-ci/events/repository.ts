import type { RepositoryAddress } from '../checkout/remote-url.js';
import type { JsonObject } from '../model.js';

/** Which address `repository.url` has: pushes name that of the web page, all other events that of the API. */
export type UrlForm = 'web' | 'api';

/** `https://<host>/<organization>/<repository>` */
export function webUrl({ host, organization, repository }: RepositoryAddress): string {
  return `https://${host}/${organization}/${repository}`;
}

/** The repository at GitHub's API; that of other hosts is at the address which GitHub Enterprise has it at. */
export function apiUrl({ host, organization, repository }: RepositoryAddress): string {
  const api = host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`;
  return `${api}/repos/${organization}/${repository}`;
}

/** The account of a user, whose number only GitHub knows. */
export function accountOf(login: string): JsonObject {
  return { login, id: 1, type: 'User' };
}

/** A repository as events describe it. */
export function repositoryOf(address: RepositoryAddress, defaultBranch: string, urlForm: UrlForm): JsonObject {
  const { host, organization, repository } = address;
  const web = webUrl(address);
  // The port is that of the web pages.
  const [name = ''] = host.split(':');
  return {
    id: 1,
    name: repository,
    full_name: `${organization}/${repository}`,
    private: false,
    owner: { login: organization, name: organization, id: 1, type: 'User' },
    html_url: web,
    fork: false,
    url: urlForm === 'web' ? web : apiUrl(address),
    git_url: `git://${name}/${organization}/${repository}.git`,
    ssh_url: `git@${name}:${organization}/${repository}.git`,
    clone_url: `${web}.git`,
    default_branch: defaultBranch,
  };
}

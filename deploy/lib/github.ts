import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import got, { HTTPError } from 'got';
import type { Got } from 'got';
import { errorMessage } from '../../src/lib/util/error-message.js';
import { DeployError } from './deploy-error.js';

export interface Release {
  /** The repository as `owner/name`. */
  readonly repository: string;
  readonly tag: string;
  /** The commit to tag. */
  readonly commit: string;
  /** The release notes in Markdown. */
  readonly notes: string;
  /** The files to upload. */
  readonly assets: readonly string[];
}

const TIMEOUT_MS = { request: 300_000 };

/**
 * Creates a release with its tag and assets, and returns its address. It stays a draft until all assets are uploaded,
 * so that readers never see an incomplete release. Throws DeployError; an incomplete draft is removed.
 */
export async function createRelease(release: Release, apiUrl: string, token: string): Promise<string> {
  const github = got.extend({
    prefixUrl: apiUrl,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'x-github-api-version': '2022-11-28',
    },
    timeout: TIMEOUT_MS,
    retry: { limit: 0 },
  });
  const { repository, tag, commit, notes } = release;
  await assertNoRelease(github, repository, tag);
  const json = { tag_name: tag, target_commitish: commit, name: tag, body: notes, draft: true };
  const draft = await call<Created>(
    'creating the release',
    github.post(`repos/${repository}/releases`, { json }).json(),
  );
  const path = `repos/${repository}/releases/${draft.id}`;
  try {
    for (const asset of release.assets) await uploadAsset(github, draft, asset);
    const published = github.patch(path, { json: { draft: false } }).json<Created>();
    return (await call('publishing the release', published)).html_url;
  } catch (error) {
    await call('removing the draft', github.delete(path));
    throw error;
  }
}

interface Created {
  readonly id: number;
  readonly html_url: string;
  /** Ends with a template of parameters: `{?name,label}`. */
  readonly upload_url: string;
}

async function assertNoRelease(github: Got, repository: string, tag: string): Promise<void> {
  const path = `repos/${repository}/releases/tags/${encodeURIComponent(tag)}`;
  const { statusCode, body } = await call('looking for the release', github.get(path, { throwHttpErrors: false }));
  if (statusCode === 404) return;
  if (statusCode === 200) throw new DeployError(`${repository} already has a release ${tag}.`);
  throw new DeployError(
    `GitHub: looking for the release failed: ${statusCode} ${messageIn(body)}.${hintFor(statusCode)}`,
  );
}

async function uploadAsset(github: Got, { upload_url: template }: Created, file: string): Promise<void> {
  const [address = ''] = template.split('{', 1);
  const url = new URL(address);
  url.searchParams.set('name', basename(file));
  const headers = { 'content-type': 'application/gzip' };
  const body = await readFile(file);
  await call('uploading the asset', github.post(url, { prefixUrl: '', headers, body }));
}

/** Returns the result of the call. Throws a DeployError that includes GitHub's answer. */
async function call<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new DeployError(`GitHub: ${what} failed: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof HTTPError)) return errorMessage(error);
  const { statusCode, body } = (error as HTTPError<unknown>).response;
  return `${statusCode} ${messageIn(body)}.${hintFor(statusCode)}`;
}

/** Returns advice on the status: GitHub also answers 404 when the caller lacks permission. */
function hintFor(statusCode: number): string {
  if (![401, 403, 404].includes(statusCode)) return '';
  return ' Check that GITHUB_TOKEN is valid and may write the contents of the repository.';
}

function messageIn(body: unknown): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text;
  } catch {
    return text;
  }
}

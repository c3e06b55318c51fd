import { endpoint } from '../http/endpoint.js';
import type { ApiCall, ApiReply, Endpoint } from '../http/endpoint.js';
import { ApiError } from '../http/api-error.js';
import type { SignedUrls } from '../object-store/signed-urls.js';
import {
  ARTIFACT_CONTENT_RESPONSE,
  ARTIFACT_RESPONSE,
  GET_ARTIFACT_RESPONSE,
  LIST_ARTIFACTS_RESPONSE,
  POST_ARTIFACT_REQUEST,
  POST_ARTIFACT_RESPONSE,
} from '../schemas/artifact-schemas.js';
import { infoOf } from './artifact-table.js';
import type { Artifact, ArtifactTable } from './artifact-table.js';
import type { Queue } from './queue.js';

interface ArtifactServices {
  readonly queue: Queue;
  readonly artifacts: ArtifactTable;
  readonly urls: SignedUrls;
}

type Call = ApiCall<unknown>;

/** Each reading method exists twice: for a given run, and for the latest one. */
const RUNS = [
  {
    isLatest: false,
    plain: '',
    route: '/task/<taskId>/runs/<runId>',
    listScope: (param: Call['param']) => `:${param('runId')}`,
  },
  { isLatest: true, plain: 'Latest', route: '/task/<taskId>', listScope: () => '' },
] as const;

/** queue: artifacts, made by workers and read by everybody. */
export function artifactEndpoints(services: ArtifactServices): readonly Endpoint[] {
  return [createArtifact(services), ...RUNS.flatMap((runs) => readingEndpoints(services, runs))];
}

function createArtifact({ queue, artifacts, urls }: ArtifactServices): Endpoint {
  return endpoint({
    name: 'createArtifact',
    method: 'POST',
    route: '/task/<taskId>/runs/<runId>/artifacts/<name>',
    input: POST_ARTIFACT_REQUEST,
    output: POST_ARTIFACT_RESPONSE,
    scopes: (param) => `queue:create-artifact:${param('taskId')}/${param('runId')}`,
    handle: ({ param, input, baseUrl }) => {
      const [taskId, runId, name] = [param('taskId'), Number(param('runId')), param('name')];
      artifacts.create(queue.task(taskId), runId, name, input);
      const { storageType } = input;
      if (storageType !== 's3') return { body: { storageType } };
      const { url, expires } = urls.sign(baseUrl, 'PUT', objectKey(taskId, runId, name));
      return { body: { storageType, contentType: input.contentType, expires: expires.toJSON(), putUrl: url } };
    },
  });
}

function readingEndpoints(services: ArtifactServices, runs: (typeof RUNS)[number]): readonly Endpoint[] {
  const { artifacts } = services;
  const listScope = (param: Call['param']): string => `queue:list-artifacts:${param('taskId')}${runs.listScope(param)}`;
  return [
    endpoint({
      name: `get${runs.plain}Artifact`,
      method: 'GET',
      route: `${runs.route}/artifacts/<name>`,
      output: GET_ARTIFACT_RESPONSE,
      handle: (call) => download(services, call),
    }),
    endpoint({
      name: runs.isLatest ? 'latestArtifact' : 'artifact',
      method: 'GET',
      route: `${runs.route}/artifact-content/<name>`,
      output: ARTIFACT_CONTENT_RESPONSE,
      handle: (call) => ({ body: locate(services, call).content }),
    }),
    endpoint({
      name: runs.isLatest ? 'latestArtifactInfo' : 'artifactInfo',
      method: 'GET',
      route: `${runs.route}/artifact-info/<name>`,
      output: ARTIFACT_RESPONSE,
      scopes: listScope,
      handle: (call) => {
        const { taskId, runId } = runOf(services.queue, call);
        return { body: infoOf(artifacts.get(taskId, runId, call.param('name'))) };
      },
    }),
    endpoint({
      name: `list${runs.plain}Artifacts`,
      method: 'GET',
      route: `${runs.route}/artifacts`,
      query: ['limit', 'continuationToken'],
      output: LIST_ARTIFACTS_RESPONSE,
      scopes: listScope,
      handle: (call) => {
        const { taskId, runId } = runOf(services.queue, call);
        return { body: artifacts.list(taskId, runId, call.query) };
      },
    }),
  ];
}

type Content =
  | { readonly storageType: 's3' | 'reference'; readonly url: string }
  | { readonly storageType: 'error'; readonly reason: string; readonly message: string };

function download(services: ArtifactServices, call: Call): ApiReply {
  const { artifact, content } = locate(services, call);
  const headers = { 'x-taskcluster-artifact-storage-type': artifact.storageType };
  if (content.storageType === 'error') {
    return { status: 424, headers, body: { reason: content.reason, message: content.message } };
  }
  return { status: 303, headers: { ...headers, location: content.url }, body: content };
}

/** Where the content of the artifact that the call asks for is, after following links; checks scopes on the way. */
function locate(services: ArtifactServices, call: Call): { readonly artifact: Artifact; readonly content: Content } {
  const authorize = (names: readonly string[]): void => {
    call.authorize({ AllOf: names.map((name) => `queue:get-artifact:${name}`) });
  };
  // Before the task is looked for, so that nobody learns of names that are not theirs.
  authorize([call.param('name')]);
  const { taskId, runId } = runOf(services.queue, call);
  const artifact = services.artifacts.follow(taskId, runId, call.param('name'), authorize);
  return { artifact, content: contentOf(services, call, artifact, objectKey(taskId, runId, artifact.name)) };
}

function contentOf({ urls }: ArtifactServices, call: Call, { request, name }: Artifact, key: string): Content {
  switch (request.storageType) {
    case 's3':
      return { storageType: 's3', url: urls.sign(call.baseUrl, 'GET', key).url };
    case 'reference':
      return { storageType: 'reference', url: request.url };
    case 'error':
      return { storageType: 'error', reason: request.reason, message: request.message };
    case 'link':
      throw new Error(`the link ${name} was not followed`);
  }
}

function runOf(queue: Queue, { param }: Call): { readonly taskId: string; readonly runId: number } {
  const task = queue.task(param('taskId'));
  const runId = param('runId') === '' ? task.lastRun?.runId : Number(param('runId'));
  if (runId === undefined || !task.run(runId)) {
    throw new ApiError('ResourceNotFound', `Task ${task.taskId} has no run ${runId ?? 'yet'}.`);
  }
  return { taskId: task.taskId, runId };
}

function objectKey(taskId: string, runId: number, name: string): string {
  return `${taskId}/${runId}/${name}`;
}

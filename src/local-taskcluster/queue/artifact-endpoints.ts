import { endpoint } from '../http/endpoint.js';
import type { ApiCall, ApiReply, Endpoint } from '../http/endpoint.js';
import { ApiError } from '../http/api-error.js';
import { PAGING } from '../http/page.js';
import type { SignedUrls } from '../object-store/signed-urls.js';
import {
  ARTIFACT_CONTENT_RESPONSE,
  ARTIFACT_RESPONSE,
  FINISH_ARTIFACT_REQUEST,
  GET_ARTIFACT_RESPONSE,
  LIST_ARTIFACTS_RESPONSE,
  POST_ARTIFACT_REQUESTS,
  POST_ARTIFACT_RESPONSE,
} from '../schemas/artifact-schemas.js';
import type { ContentLengthRule } from '../schemas/artifact-schemas.js';
import { infoOf } from './artifact-table.js';
import type { Artifact, ArtifactTable } from './artifact-table.js';
import type { ObjectArtifacts } from './object-artifacts.js';
import type { Queue } from './queue.js';

/** The services that the artifact methods use. */
export interface ArtifactServices {
  readonly queue: Queue;
  readonly artifacts: ArtifactTable;
  readonly urls: SignedUrls;
  readonly objects: ObjectArtifacts;
  readonly contentLength: ContentLengthRule;
}

type Call = ApiCall<unknown>;

/** Each reading method exists twice: for a given run and for the latest one. */
const RUNS = [
  {
    isLatest: false,
    plain: '',
    route: '/task/<taskId>/runs/<runId>',
    listScope: (param: Call['param']) => `:${param('runId')}`,
  },
  { isLatest: true, plain: 'Latest', route: '/task/<taskId>', listScope: () => '' },
] as const;

/** Returns the queue endpoints for artifacts, which workers create and clients read. */
export function artifactEndpoints(services: ArtifactServices): readonly Endpoint[] {
  return [createArtifact(services), finishArtifact(services), ...RUNS.flatMap((runs) => readEndpoints(services, runs))];
}

function createArtifact({ queue, artifacts, urls, objects, contentLength }: ArtifactServices): Endpoint {
  return endpoint({
    name: 'createArtifact',
    method: 'POST',
    route: '/task/<taskId>/runs/<runId>/artifacts/<name>',
    input: POST_ARTIFACT_REQUESTS[contentLength],
    output: POST_ARTIFACT_RESPONSE,
    scopes: (param) => `queue:create-artifact:${param('taskId')}/${param('runId')}`,
    handle: ({ param, input, baseUrl }) => {
      const [taskId, runId, name] = [param('taskId'), Number(param('runId')), param('name')];
      const task = queue.task(taskId);
      const artifact = artifacts.create(task, runId, name, input);
      const { storageType } = input;
      if (storageType === 'object') return { body: objects.begin(task, runId, artifact) };
      if (storageType !== 's3') return { body: { storageType } };
      const { url, expires } = urls.sign(baseUrl, 'PUT', objectKey(taskId, runId, name));
      return { body: { storageType, contentType: input.contentType, expires: expires.toJSON(), putUrl: url } };
    },
  });
}

function finishArtifact({ queue, artifacts, objects }: ArtifactServices): Endpoint {
  return endpoint({
    name: 'finishArtifact',
    method: 'PUT',
    route: '/task/<taskId>/runs/<runId>/artifacts/<name>',
    input: FINISH_ARTIFACT_REQUEST,
    scopes: (param) => `queue:create-artifact:${param('taskId')}/${param('runId')}`,
    handle: ({ param, input: { uploadId } }) => {
      const [taskId, runId, name] = [param('taskId'), Number(param('runId')), param('name')];
      artifacts.finish(queue.task(taskId), runId, name, uploadId, () => {
        objects.checkUploaded(taskId, runId, name);
      });
      return { status: 204 };
    },
  });
}

function readEndpoints(services: ArtifactServices, runs: (typeof RUNS)[number]): readonly Endpoint[] {
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
      handle: (call) => ({ body: content(services, call) }),
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
      query: PAGING,
      output: LIST_ARTIFACTS_RESPONSE,
      scopes: listScope,
      handle: (call) => {
        const { taskId, runId } = runOf(services.queue, call);
        return { body: artifacts.list(taskId, runId, call.query) };
      },
    }),
  ];
}

function download(services: ArtifactServices, call: Call): ApiReply {
  const { artifact, ...run } = locate(services, call);
  const { storageType } = artifact;
  const headers = { 'x-taskcluster-artifact-storage-type': storageType };
  if (artifact.request.storageType === 'error') {
    return { status: 424, headers, body: { reason: artifact.request.reason, message: artifact.request.message } };
  }
  const url = urlOf(services, call.baseUrl, run, artifact);
  return { status: 303, headers: { ...headers, location: url }, body: { storageType, url } };
}

function content(services: ArtifactServices, call: Call): object {
  const { artifact, ...run } = locate(services, call);
  const { storageType, request } = artifact;
  if (request.storageType === 'error') return { storageType, reason: request.reason, message: request.message };
  if (storageType === 'object') return services.objects.content(run.taskId, run.runId, artifact.name);
  return { storageType, url: urlOf(services, call.baseUrl, run, artifact) };
}

interface Run {
  readonly taskId: string;
  readonly runId: number;
}

/** Returns the artifact that the call names, after following links, and its run. Checks scopes on the way. */
function locate(services: ArtifactServices, call: Call): Run & { readonly artifact: Artifact } {
  const authorize = (names: readonly string[]): void => {
    call.authorize({ AllOf: names.map((name) => `queue:get-artifact:${name}`) });
  };
  // Checked before the task lookup, so that a caller can't find out names that it may not read.
  authorize([call.param('name')]);
  const { taskId, runId } = runOf(services.queue, call);
  return { taskId, runId, artifact: services.artifacts.follow(taskId, runId, call.param('name'), authorize) };
}

function urlOf({ urls, objects }: ArtifactServices, baseUrl: string, run: Run, { request, name }: Artifact): string {
  const { taskId, runId } = run;
  switch (request.storageType) {
    case 's3':
      return urls.sign(baseUrl, 'GET', objectKey(taskId, runId, name)).url;
    case 'object':
      return objects.url(baseUrl, taskId, runId, name);
    case 'reference':
      return request.url;
    case 'link':
    case 'error':
      throw new Error(`artifact ${name} of the type ${request.storageType} has no address`);
  }
}

function runOf(queue: Queue, { param }: Call): Run {
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

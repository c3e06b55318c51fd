import got from 'got';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { testTask } from './test-task.js';

export interface PublishedFile {
  readonly content: Buffer;
  readonly contentEncoding?: string;
}

/** A task that has completed with these artifacts, without any worker; returns its id. */
export async function publishedTask(queue: Queue, files: Readonly<Record<string, PublishedFile>>): Promise<string> {
  return await finishedTask(queue, async (taskId) => {
    for (const [name, { content, contentEncoding }] of Object.entries(files)) {
      const request = { storageType: 's3', contentType: 'application/octet-stream', expires: inHours(1.5) };
      const { putUrl = '' } = await queue.createArtifact(taskId, 0, name, request);
      const encoding = contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding };
      await got.put(putUrl, { body: content, headers: { 'content-type': request.contentType, ...encoding } });
    }
  });
}

/** The same with an artifact that is elsewhere. */
export async function referringTask(queue: Queue, name: string, url: string): Promise<string> {
  return await finishedTask(queue, async (taskId) => {
    const request = { storageType: 'reference', url, contentType: 'application/octet-stream', expires: inHours(1.5) };
    await queue.createArtifact(taskId, 0, name, request);
  });
}

async function finishedTask(queue: Queue, publish: (taskId: string) => Promise<void>): Promise<string> {
  const taskId = newSlugid();
  await queue.createTask(taskId, testTask({}, { taskQueueId: 'local/nobody' }));
  await queue.claimTask(taskId, 0, { workerGroup: 'test', workerId: 'test' });
  await publish(taskId);
  await queue.reportCompleted(taskId, 0);
  return taskId;
}

function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3600_000).toISOString();
}

import { ApiError } from '../http/api-error.js';
import type { ArtifactTable } from './artifact-table.js';
import type { Queue } from './queue.js';

/** An artifact that was found: its type, and its external address if it refers to one. */
export interface FoundArtifact {
  readonly storageType: string;
  readonly url?: string;
}

/** Finds an artifact of a task's latest run, through links whose names may all be read; undefined without one. */
export type FindArtifact = (
  taskId: string,
  name: string,
  mayRead: (name: string) => boolean,
) => FoundArtifact | undefined;

/** Returns a function that searches the queue's artifacts. */
export function artifactFinder(queue: Queue, artifacts: ArtifactTable): FindArtifact {
  return (taskId, name, mayRead) => {
    const runId = queue.find(taskId)?.lastRun?.runId;
    if (runId === undefined) return undefined;
    try {
      const { storageType, request } = artifacts.follow(taskId, runId, name, (names) => {
        if (!names.every(mayRead)) throw new ApiError('InsufficientScopes', `${names.join(' → ')} must not be read.`);
      });
      return { storageType, ...(request.storageType === 'reference' && { url: request.url }) };
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  };
}

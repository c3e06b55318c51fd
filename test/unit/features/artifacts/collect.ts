import assert from 'node:assert/strict';
import { artifactsFeature } from '../../../../src/lib/features/artifacts/artifacts.js';
import type { PayloadArtifact } from '../../../../src/lib/task/payload.js';
import { LinkedAbort } from '../../../../src/lib/util/linked-abort.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import type { ArtifactBench } from '../../../fakes/artifact-bench.js';
import type { FakeStoppedContainer } from '../../../fakes/fake-containers.js';

export interface CollectOptions {
  readonly signal?: AbortSignal;
  /** Plays the task: gets each volume's directory by its mount path. */
  readonly task?: (volumes: ReadonlyMap<string, string>) => Promise<void>;
  /** The resources that could not be released. */
  readonly leaks?: unknown[];
}

/** Prepares for and collects these artifacts of a stopped container, as the worker does. */
export async function collectArtifacts(
  bench: ArtifactBench,
  container: FakeStoppedContainer,
  artifacts: Readonly<Record<string, PayloadArtifact>>,
  { signal = new LinkedAbort().signal, task, leaks }: CollectOptions = {},
): Promise<void> {
  const feature = artifactsFeature({
    skipCompressionExtensions: ['.gz', 'PNG'],
    maxFileBytes: 10_000_000,
    maxSkippedBytes: 50_000_000,
    archiveRetries: { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 },
  });
  const hooks = feature.attach(bench.task({ artifacts }));
  const resources = new ResourceStack((what, error) => {
    assert.ok(leaks, `${what} could not be released: ${String(error)}`);
    leaks.push(error);
  });
  try {
    const { binds = [] } = (await hooks.prepare?.(resources, new AbortController().signal)) ?? {};
    await task?.(new Map(binds.map((bind) => bind.split(':').reverse() as [string, string])));
    await hooks.collect?.(container, signal, 'exit');
  } finally {
    await resources.close();
  }
}

export function file(path: string, more: Partial<PayloadArtifact> = {}): PayloadArtifact {
  return { type: 'file', path, ...more };
}

export function directory(path: string, more: Partial<PayloadArtifact> = {}): PayloadArtifact {
  return { type: 'directory', path, ...more };
}

/** The names of the objects in the store. */
export function stored(bench: ArtifactBench): readonly string[] {
  return [...bench.objects.objects.keys()].sort();
}

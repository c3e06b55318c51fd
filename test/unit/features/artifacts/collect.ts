import { artifactsFeature } from '../../../../src/lib/features/artifacts/artifacts.js';
import type { PayloadArtifact } from '../../../../src/lib/task/payload.js';
import type { ArtifactBench } from '../../../fakes/artifact-bench.js';
import type { FakeStoppedContainer } from '../../../fakes/fake-containers.js';

/** Collects these artifacts of a stopped container, as the worker does it. */
export async function collectArtifacts(
  bench: ArtifactBench,
  container: FakeStoppedContainer,
  artifacts: Readonly<Record<string, PayloadArtifact>>,
  signal = new AbortController().signal,
): Promise<void> {
  const feature = artifactsFeature({ skipCompressionExtensions: ['.gz', 'PNG'], archiveRetryDelaysMs: [0, 0] });
  await feature.attach(bench.task({ artifacts })).collect?.(container, signal);
}

export function file(path: string, more: Partial<PayloadArtifact> = {}): PayloadArtifact {
  return { type: 'file', path, ...more };
}

export function directory(path: string, more: Partial<PayloadArtifact> = {}): PayloadArtifact {
  return { type: 'directory', path, ...more };
}

/** The names of what is in the store. */
export function stored(bench: ArtifactBench): readonly string[] {
  return [...bench.objects.objects.keys()].sort();
}

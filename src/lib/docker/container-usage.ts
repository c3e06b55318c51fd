import type { ContainerUsage } from './engine.js';

/** The used fields of the answer to `GET /containers/{id}/stats`. For a container that has ended they are missing. */
export interface EngineStats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    /** cgroup v1 only. */
    readonly max_usage?: number;
    readonly stats?: { readonly inactive_file?: number };
  };
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
}

/** Returns a container's usage as one sample states it, without the values that the sample lacks. Pure. */
export function usageOf(stats: EngineStats): ContainerUsage {
  const memoryPeakBytes = memoryOf(stats.memory_stats ?? {});
  const cpuNanoseconds = stats.cpu_stats?.cpu_usage?.total_usage ?? 0;
  const networks = Object.values(stats.networks ?? {});
  return {
    ...(memoryPeakBytes !== undefined && { memoryPeakBytes }),
    // A running process has used some CPU time: the engine reports zero for a container that has ended.
    ...(cpuNanoseconds > 0 && { cpuSeconds: cpuNanoseconds / 1e9 }),
    ...blockBytes(stats.blkio_stats?.io_service_bytes_recursive ?? []),
    ...(networks.length > 0 && {
      receivedBytes: sum(networks.map(({ rx_bytes }) => rx_bytes)),
      sentBytes: sum(networks.map(({ tx_bytes }) => tx_bytes)),
    }),
  };
}

/** Returns the peak (cgroup v1), or the present usage without cached files, which the kernel can drop at once (v2). */
function memoryOf({ usage, max_usage: peak, stats }: NonNullable<EngineStats['memory_stats']>): number | undefined {
  if (peak !== undefined) return peak;
  return usage === undefined ? undefined : Math.max(0, usage - (stats?.inactive_file ?? 0));
}

/** Sums up bytes read and written. An empty list is not zero: some kernels don't count. Only v1 capitalizes `op`. */
function blockBytes(entries: readonly { readonly op: string; readonly value: number }[]): ContainerUsage {
  if (entries.length === 0) return {};
  const bytesOf = (wanted: string): number =>
    sum(entries.filter(({ op }) => op.toLowerCase() === wanted).map(({ value }) => value));
  return { readBytes: bytesOf('read'), writtenBytes: bytesOf('write') };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

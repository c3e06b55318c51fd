import { ConfigError } from '../../config/config-error.js';
import type { Config } from '../../config/config.js';
import type { DockerEngine } from '../../docker/engine.js';
import { HostSampler } from '../../log/host-sample.js';
import type { HostSample } from '../../log/host-sample.js';
import { LifecycleEvents } from '../../log/lifecycle-events.js';
import type { MetricsOutput } from '../../log/lifecycle-events.js';
import type { Logger } from '../../log/logger.js';
import { NO_METRICS } from '../../log/metrics-recorder.js';
import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import type { PrometheusMetrics } from '../../log/prometheus-metrics.js';
import { StatusServer } from '../../log/status-server.js';
import type { StatusPage, StatusServerOptions } from '../../log/status-server.js';
import { errorMessage } from '../../util/error-message.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { EndingWatch } from '../ending-watch.js';
import type { Ending } from '../ending.js';
import { Health } from '../health.js';
import { PeriodicStatus } from '../periodic-status.js';
import { StatusPages } from '../status/status-pages.js';
import type { StatusSources } from '../status/worker-status.js';
import type { SessionObserver } from '../../task/run-session.js';
import type { Worker } from '../worker.js';

interface Parts extends Pick<StatusSources, 'problems' | 'shownConfig'> {
  readonly config: Config;
  readonly engine: Pick<DockerEngine, 'ping'>;
  readonly log: Logger;
  readonly version: string;
  /** Returns how many lines of the worker's log were dropped so far; absent: none ever are. */
  readonly droppedLogLines?: () => number;
  /** Returns the number of alerts so far; absent: they are not counted. */
  readonly alerts?: () => number;
}

/** What is observed besides the worker itself. */
export interface ObservedParts extends Pick<StatusSources, 'caches' | 'images'> {
  readonly endings: readonly Ending[];
  /** All features. */
  readonly features: readonly { readonly name: string }[];
  /** Why the worker has no capacity although some is configured. */
  readonly unusable: string | undefined;
}

const STARTING: StatusPage = {
  statusCode: 503,
  contentType: 'application/json',
  body: `${JSON.stringify({ status: 'starting', problems: ['the worker is not ready yet'], warnings: [] })}\n`,
};

/** Makes the metrics and their server. Throws a ConfigError if it can't listen on metrics.host and metrics.port. */
export async function makeObservability(parts: Parts, resources: ResourceStack): Promise<Observability> {
  const { config, log } = parts;
  const prometheus = config.metrics.port === undefined ? undefined : await makePrometheus(parts);
  const pages = prometheus && new StatusPages();
  const observability = new Observability(parts, prometheus, pages);
  if (prometheus) {
    const server = await serveStatus(config, log, {
      pages: {
        '/metrics': async () => ({
          statusCode: 200,
          contentType: prometheus.contentType,
          body: await prometheus.text(),
        }),
        '/healthz': () => observability.healthPage(),
      },
      localPages: pages?.byPath ?? {},
    });
    resources.defer('status server', () => server.close());
  }
  resources.defer('periodic status', () => {
    observability.stop();
  });
  return observability;
}

/** Everything that shows how the worker is doing: metrics, health and status in the log. */
export class Observability {
  readonly metrics: MetricsRecorder;
  readonly #parts: Parts;
  readonly #prometheus: PrometheusMetrics | undefined;
  readonly #pages: StatusPages | undefined;
  #health: Health | undefined;
  #status: PeriodicStatus | undefined;
  #endings: EndingWatch | undefined;

  constructor(parts: Parts, prometheus: PrometheusMetrics | undefined, pages: StatusPages | undefined) {
    this.metrics = prometheus ?? NO_METRICS;
    this.#parts = parts;
    this.#prometheus = prometheus;
    this.#pages = pages;
  }

  /** Is told of all runs; undefined: nobody looks. */
  get sessions(): SessionObserver | undefined {
    return this.#pages?.runs;
  }

  /** Starts to report on the worker. */
  follow(worker: Worker, { endings, features, unusable, caches, images }: ObservedParts): void {
    const { config, engine, log } = this.#parts;
    const { stats } = worker;
    const prometheus = this.#prometheus;
    const isStopping = (): boolean => worker.isStopping;
    const watch = new EndingWatch({ endings, log, onLook: (what, end) => prometheus?.setEnd(what, end) });
    const claimMs = config.taskQueue.claimTimeout + config.taskQueue.pollInterval;
    const health = new Health({ engine, stats, isStopping, claimMs, unusable, ending: () => watch.warnings() });
    const sampler = new HostSampler(config.dockerVolume);
    const status = new PeriodicStatus({
      stats,
      isStopping,
      log,
      sampleHost: () => sampler.sample(),
      onHostSample: (sample) => prometheus?.setHost(sample),
      alivenessIntervalMs: config.alivenessCheckInterval,
      hostIntervalMs: config.metricsCollection.hostMetricsInterval,
    });
    prometheus?.watchSlots(stats);
    prometheus?.knowFeatures(features.map(({ name }) => name));
    prometheus?.watchHealth(
      async () => (await health.report()).status !== 'unhealthy',
      () => stats.lastAnswer,
    );
    this.#showPages({ health: () => health.report(), caches, images });
    watch.start();
    status.start();
    this.#endings = watch;
    this.#health = health;
    this.#status = status;
  }

  #showPages(observed: Pick<StatusSources, 'health' | 'caches' | 'images'>): void {
    const { config, version, problems, shownConfig } = this.#parts;
    // Another sampler than that of the log, since each tells what happened since it was last asked.
    const sampler = new HostSampler(config.dockerVolume);
    const sampleHost = (): Promise<HostSample> => sampler.sample();
    this.#pages?.follow({ config, version, problems, shownConfig, ...observed, sampleHost, now: () => new Date() });
  }

  async healthPage(): Promise<StatusPage> {
    if (!this.#health) return STARTING;
    const report = await this.#health.report();
    const statusCode = report.status === 'unhealthy' ? 503 : 200;
    return { statusCode, contentType: 'application/json', body: `${JSON.stringify(report, null, 2)}\n` };
  }

  /** Stops reporting; does nothing before `follow`. */
  stop(): void {
    this.#status?.stop();
    this.#endings?.stop();
  }
}

/** Makes the metrics. A worker without `metrics.port` does not load their library, which slows each start. */
async function makePrometheus({ config, version, droppedLogLines, alerts }: Parts): Promise<PrometheusMetrics> {
  const { PrometheusMetrics } = await import('../../log/prometheus-metrics.js');
  const metrics = new PrometheusMetrics();
  const { provisionerId, workerType, workerGroup, workerId } = config;
  metrics.identify({
    version,
    worker_pool: `${provisionerId}/${workerType}`,
    worker_group: workerGroup,
    worker_id: workerId,
  });
  metrics.watchProcess();
  metrics.watchLog({ droppedLines: droppedLogLines ?? (() => 0), alerts: alerts ?? (() => 0) });
  return metrics;
}

async function serveStatus(
  { metrics: { host, port = 0 } }: Config,
  log: Logger,
  pages: Pick<StatusServerOptions, 'pages' | 'localPages'>,
): Promise<StatusServer> {
  try {
    return await StatusServer.start({ host, port, ...pages, log });
  } catch (error) {
    const isOccupied = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const problem = `metrics: cannot listen on ${host} port ${port}: ${wordsOf(error)}`;
    throw new ConfigError([problem], { cause: error, isOccupied });
  }
}

function wordsOf(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'another program already does (EADDRINUSE); choose another metrics.port';
  const isNoAddress = ['EADDRNOTAVAIL', 'ENOTFOUND'].includes(code);
  return `${errorMessage(error)}${isNoAddress ? '; metrics.host must be an address of this machine' : ''}`;
}

/** Makes the writer of the WORKER_METRICS lines. */
export function makeLifecycle(config: Config, output: MetricsOutput): LifecycleEvents {
  const { provisionerId, workerType, workerId, region, instanceType } = config;
  return new LifecycleEvents(output, {
    workerPoolId: `${provisionerId}/${workerType}`,
    workerId,
    region,
    instanceType,
  });
}

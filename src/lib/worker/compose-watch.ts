import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import { HostSampler } from '../log/host-sample.js';
import type { Logger } from '../log/logger.js';
import { NO_METRICS } from '../log/metrics-recorder.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { LogFacts, PrometheusMetrics } from '../log/prometheus-metrics.js';
import { StatusServer } from '../log/status-server.js';
import type { StatusPage } from '../log/status-server.js';
import { errorMessage } from '../util/error-message.js';
import { EndingWatch } from './ending-watch.js';
import type { Ending } from './ending.js';
import { Health } from './health.js';
import { PeriodicStatus } from './periodic-status.js';
import type { Worker } from './worker.js';

interface Parts {
  readonly config: Config;
  readonly engine: Pick<DockerEngine, 'ping'>;
  readonly log: Logger;
  readonly version: string;
  readonly droppedLogLines?: () => number;
  readonly alerts?: () => number;
}

/** What of a worker is watched beside its life. */
export interface WatchedParts {
  readonly endings: readonly Ending[];
  /** All that there are. */
  readonly features: readonly { readonly name: string }[];
}

/** All that lets others see how the worker does. */
export interface WorkerWatch {
  readonly metrics: MetricsRecorder;
  /** Begins to report on the worker. `unusable`: why it has no capacity although it should. */
  follow(worker: Worker, unusable: string | undefined, parts: WatchedParts): void;
  close(): Promise<void>;
}

const STARTING: StatusPage = {
  statusCode: 503,
  contentType: 'application/json',
  body: `${JSON.stringify({ status: 'starting', problems: ['the worker is not ready yet'], warnings: [] })}\n`,
};

/** Fails with a ConfigError when metrics.host and metrics.port can't be listened on. */
export async function composeWatch({
  config,
  engine,
  log,
  version,
  droppedLogLines = () => 0,
  alerts = () => 0,
}: Parts): Promise<WorkerWatch> {
  let health: Health | undefined;
  const shown = await showMetrics(config, {
    log,
    version,
    logFacts: { droppedLines: droppedLogLines, alerts },
    health: () => healthPage(health),
  });
  let reports: PeriodicStatus | undefined;
  let ends: EndingWatch | undefined;
  const sampler = new HostSampler(config.dockerVolume);
  return {
    metrics: shown?.metrics ?? NO_METRICS,
    follow: (worker, unusable, { endings, features }) => {
      const { stats } = worker;
      const isStopping = (): boolean => worker.isStopping;
      const claimMs = config.taskQueue.claimTimeout + config.taskQueue.pollInterval;
      shown?.metrics.watchSlots(stats);
      shown?.metrics.knowFeatures(features.map(({ name }) => name));
      const watch = (ends = new EndingWatch({
        endings,
        log,
        onLook: (what, end) => shown?.metrics.setEnd(what, end),
      }));
      watch.start();
      const own = (health = new Health({
        engine,
        stats,
        isStopping,
        claimMs,
        unusable,
        ending: () => watch.warnings(),
      }));
      const isHealthy = async (): Promise<boolean> => (await own.report()).status !== 'unhealthy';
      shown?.metrics.watchHealth(isHealthy, () => stats.lastAnswer);
      reports = new PeriodicStatus({
        stats,
        isStopping,
        log,
        sampleHost: () => sampler.sample(),
        onHostSample: (sample) => {
          shown?.metrics.setHost(sample);
        },
        alivenessIntervalMs: config.alivenessCheckInterval,
        hostIntervalMs: config.metricsCollection.hostMetricsInterval,
      });
      reports.start();
    },
    close: async () => {
      reports?.stop();
      ends?.stop();
      await shown?.server.close();
    },
  };
}

interface Shown {
  readonly metrics: PrometheusMetrics;
  readonly server: StatusServer;
}

/** Undefined for a worker without `metrics.port`: it does without the library, which takes some time of each start. */
async function showMetrics(
  config: Config,
  {
    log,
    version,
    logFacts,
    health,
  }: Pick<Parts, 'log' | 'version'> & { readonly logFacts: LogFacts; readonly health: () => Promise<StatusPage> },
): Promise<Shown | undefined> {
  const { host, port } = config.metrics;
  if (port === undefined) return undefined;
  const { PrometheusMetrics } = await import('../log/prometheus-metrics.js');
  const metrics = new PrometheusMetrics();
  const { provisionerId, workerType, workerGroup, workerId } = config;
  metrics.identify({
    version,
    worker_pool: `${provisionerId}/${workerType}`,
    worker_group: workerGroup,
    worker_id: workerId,
  });
  const pages = {
    '/metrics': async () => ({ statusCode: 200, contentType: metrics.contentType, body: await metrics.text() }),
    '/healthz': health,
  };
  try {
    const server = await StatusServer.start({ host, port, pages, log });
    metrics.watchProcess();
    metrics.watchLog(logFacts);
    return { metrics, server };
  } catch (error) {
    const isOccupied = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const problem = `metrics: ${host} port ${port} cannot be listened on: ${wordsOf(error)}`;
    throw new ConfigError([problem], { cause: error, isOccupied });
  }
}

async function healthPage(health: Health | undefined): Promise<StatusPage> {
  if (!health) return STARTING;
  const report = await health.report();
  const statusCode = report.status === 'unhealthy' ? 503 : 200;
  return { statusCode, contentType: 'application/json', body: `${JSON.stringify(report, null, 2)}\n` };
}

function wordsOf(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'another program does already (EADDRINUSE); choose another metrics.port';
  const isNoAddress = ['EADDRNOTAVAIL', 'ENOTFOUND'].includes(code);
  return `${errorMessage(error)}${isNoAddress ? '; metrics.host has to be an address of this machine' : ''}`;
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const PREFIX = 'docker_worker_';
// From almost no time to the longest tasks; one set for all, so that phases add up to their run.
const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400];

/** Makes the instruments of one worker, all with the same prefix, in a separate registry. */
export class Instruments {
  readonly registry = new Registry();

  counter<T extends string>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  histogram<T extends string>(name: string, help: string, labelNames: readonly T[] = []): Histogram<T> {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets: SECONDS, registers: [this.registry] });
  }

  /** Makes a gauge whose values its owner sets. */
  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  /** Makes a gauge whose values `set` sets at each scrape; the previous values are removed first. */
  readGauges(name: string, facts: GaugeFacts, set: (gauge: Gauge) => void): void {
    const gauge = new Gauge({
      name: PREFIX + name,
      ...facts,
      registers: [this.registry],
      collect: () => {
        gauge.reset();
        set(gauge);
      },
    });
  }

  /** Makes a gauge that reads its value at each scrape. */
  readGauge(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect: async () => {
        gauge.set(await read());
      },
    });
  }

  /** Makes a counter that reads its value at each scrape. */
  readCounter(name: string, help: string, read: () => number): void {
    const counter = new Counter({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }
}

interface GaugeFacts {
  readonly help: string;
  readonly labelNames: readonly string[];
}

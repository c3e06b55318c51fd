/** What every metrics line says about the worker. */
export interface WorkerIdentity {
  readonly workerPoolId: string;
  readonly workerId: string;
  readonly region: string;
  readonly instanceType: string;
}

export interface RunIdentity {
  readonly taskId: string;
  readonly runId: number;
}

/** Takes whole lines; its `write` must not block. */
export interface MetricsOutput {
  write(text: string): unknown;
}

type EventType = 'instanceBoot' | 'workerReady' | 'taskQueue' | 'taskStart' | 'taskFinish' | 'instanceShutdown';

/** Writes the WORKER_METRICS lines from which fleets compute how their workers' time is spent. */
export class LifecycleEvents {
  readonly #output: MetricsOutput;
  readonly #worker: WorkerIdentity;
  readonly #now: () => Date;

  constructor(output: MetricsOutput, worker: WorkerIdentity, now: () => Date = () => new Date()) {
    this.#output = output;
    this.#worker = worker;
    this.#now = now;
  }

  /** `uptimeSeconds` is the machine's: the line carries the time of its boot. */
  instanceBoot(uptimeSeconds: number): void {
    this.#write('instanceBoot', new Date(this.#now().getTime() - uptimeSeconds * 1000));
  }

  workerReady(): void {
    this.#write('workerReady', this.#now());
  }

  /** The line carries the time at which the task was created. */
  taskQueue(run: RunIdentity, created: Date): void {
    this.#write('taskQueue', created, run);
  }

  taskStart(run: RunIdentity): void {
    this.#write('taskStart', this.#now(), run);
  }

  taskFinish(run: RunIdentity): void {
    this.#write('taskFinish', this.#now(), run);
  }

  instanceShutdown(): void {
    this.#write('instanceShutdown', this.#now());
  }

  #write(eventType: EventType, at: Date, run?: RunIdentity): void {
    const { workerPoolId, workerId, region, instanceType } = this.#worker;
    const line = JSON.stringify({
      eventType,
      worker: 'docker-worker',
      workerPoolId,
      workerId,
      timestamp: Math.floor(at.getTime() / 1000),
      region,
      instanceType,
      ...(run && { taskId: run.taskId, runId: run.runId }),
    });
    // The line break in front: something unfinished may stand on the line, and parsers look at its beginning.
    this.#output.write(`\nWORKER_METRICS ${line}\n`);
  }
}

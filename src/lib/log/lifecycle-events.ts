/** The worker's fields in every metrics line. */
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

/** Receives whole lines; its `write` must not block. */
export interface MetricsOutput {
  write(text: string): unknown;
}

type EventType = 'instanceBoot' | 'workerReady' | 'taskQueue' | 'taskStart' | 'taskFinish' | 'instanceShutdown';

/** Writes the WORKER_METRICS lines from which fleets compute how their workers spend their time. */
export class LifecycleEvents {
  readonly #output: MetricsOutput;
  readonly #worker: WorkerIdentity;
  readonly #now: () => Date;

  constructor(output: MetricsOutput, worker: WorkerIdentity, now: () => Date = () => new Date()) {
    this.#output = output;
    this.#worker = worker;
    this.#now = now;
  }

  /** Writes a line with the time of the machine's boot; `uptimeSeconds` is the machine's. */
  instanceBoot(uptimeSeconds: number): void {
    this.#write('instanceBoot', new Date(this.#now().getTime() - uptimeSeconds * 1000));
  }

  workerReady(): void {
    this.#write('workerReady', this.#now());
  }

  /** Writes a line with the time at which the task was created. */
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
    // The leading line break ends any unfinished line: parsers check the beginning of lines.
    this.#output.write(`\nWORKER_METRICS ${line}\n`);
  }
}

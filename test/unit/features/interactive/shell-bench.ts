import assert from 'node:assert/strict';
import type { WebSocket } from 'ws';
import type { RunningContainer } from '../../../../src/lib/docker/engine.js';
import { KILL_COMMAND } from '../../../../src/lib/features/interactive/container-scripts.js';
import { listDisplays } from '../../../../src/lib/features/interactive/displays.js';
import { InteractiveServer } from '../../../../src/lib/features/interactive/interactive-server.js';
import type {
  Connection,
  InteractiveLimits,
  ShellEndpoint,
} from '../../../../src/lib/features/interactive/interactive-server.js';
import { FixedHost } from '../../../../src/lib/host/public-host.js';
import { Lifetime } from '../../../../src/lib/features/interactive/lifetime.js';
import { TaskPrograms } from '../../../../src/lib/features/interactive/task-programs.js';
import { TaskShells } from '../../../../src/lib/features/interactive/task-shells.js';
import { runsForEver } from '../../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import type { FakeExecProcess, FakeExecProgram } from '../../../fakes/fake-exec.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';
import { minimalSpec } from '../../../support/minimal-spec.js';

const LIST_TIMEOUT_MS = 200;
const IMAGE = { id: 'sha256:1', entrypoint: [], command: [] };

/** The shells of one task in a fake container, behind a real server. */
export class ShellBench {
  readonly engine = new FakeDockerEngine();
  readonly log = new MemoryLogger();
  readonly output = new MemoryOutput();
  /** Ends the run. */
  readonly end = new AbortController();
  readonly lifetime = new Lifetime({ minTimeMs: 0, afterSessionMs: 0 });
  /** How often killing a session was requested. */
  kills = 0;
  readonly #server: InteractiveServer;
  readonly #program: FakeExecProgram;
  #endpoint: ShellEndpoint | undefined;
  #endAbandoned = (): void => undefined;

  private constructor(server: InteractiveServer, program: FakeExecProgram) {
    this.#server = server;
    this.#program = program;
  }

  /** Each session runs `program` until it ends or the session is killed. */
  static async start(program: FakeExecProgram, limits: Partial<InteractiveLimits> = {}): Promise<ShellBench> {
    const log = new MemoryLogger();
    const publicHost = new FixedHost('127.0.0.1');
    const bench = new ShellBench(await InteractiveServer.start({ port: 0, publicHost, log, limits }), program);
    await bench.#open();
    return bench;
  }

  get url(): string {
    return this.#endpoint?.url ?? assert.fail();
  }

  get endpoint(): ShellEndpoint {
    return this.#endpoint ?? assert.fail();
  }

  async close(): Promise<void> {
    this.end.abort(new Error('the test is over'));
    await this.#server.close();
  }

  async #open(): Promise<void> {
    const { engine, log, output, lifetime } = this;
    const killed = new Promise<number>((resolve) => {
      this.#endAbandoned = () => {
        resolve(137);
      };
    });
    engine.images.set('image', IMAGE);
    engine.programs.set('sleep', runsForEver);
    engine.execPrograms.set(KILL_COMMAND.join(' '), () => {
      this.kills += 1;
      this.#endAbandoned();
      return 0;
    });
    engine.execPrograms.set('', (process: FakeExecProcess) => {
      const program = Promise.resolve(this.#program(process));
      program.catch(() => undefined);
      return Promise.race([program, killed]);
    });
    const created = await engine.createContainer(minimalSpec(IMAGE.id, ['sleep']));
    const container: RunningContainer = await created.start();
    const programs = new TaskPrograms({ container, task: { log }, signal: this.end.signal });
    const shells = new TaskShells({
      programs,
      task: { log, output, taskId: 'a-task', runId: 0 },
      lifetime,
      signal: this.end.signal,
    });
    const side = {
      shell: (connection: Connection) => {
        shells.connect(connection);
      },
      displays: {
        connect: (connection: Connection) => {
          shells.connectDisplay(connection);
        },
        list: () => listDisplays(programs, this.end.signal, LIST_TIMEOUT_MS),
      },
    };
    this.#endpoint = this.#server.open(side, new Date());
  }
}

/** Resolves with the next message that begins with this byte. */
export function message(socket: WebSocket, kind: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = (data: Buffer): void => {
      if (data[0] !== kind) return;
      socket.off('message', listener);
      resolve(data.subarray(1));
    };
    socket.on('message', listener);
  });
}

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { freePort } from './free-port.js';
import { TEST_IMAGE } from './test-task.js';
import { until } from './until.js';

export const LOGIN = { username: 'somebody', password: 'the-password-of-somebody' };

/** Answers a request in place of the registry; false leaves it to the registry. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * A real docker registry (Debian's package docker-registry) on loopback, behind a proxy that knows what it was asked
 * and can interfere.
 */
export class DockerRegistry {
  readonly host: string;
  /** `GET /v2/…` of all requests since it was cleared. */
  readonly requests: string[] = [];
  interfere: Interference = () => false;
  readonly #registry: ChildProcess;
  readonly #proxy: Server;
  readonly #directory: string;

  private constructor(registry: ChildProcess, port: number, proxy: Server, directory: string) {
    this.#registry = registry;
    this.#proxy = proxy;
    this.#directory = directory;
    this.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    proxy.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.requests.push(`${request.method} ${request.url}`);
      if (!this.interfere(request, response)) forward(request, response, port);
    });
  }

  /** `isPrivate`: nothing without LOGIN. */
  static async start({ isPrivate }: { readonly isPrivate: boolean }): Promise<DockerRegistry> {
    const directory = await mkdtemp(join(tmpdir(), 'docker-registry-'));
    const port = await freePort();
    const auth = isPrivate ? { auth: { htpasswd: { realm: 'test', path: await htpasswd(directory) } } } : {};
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') } },
      // Or it would send its clients past the proxy.
      http: { addr: `127.0.0.1:${port}`, relativeurls: true },
      ...auth,
    };
    await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
    const registry = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
    await once(registry, 'spawn').catch((error: unknown) => {
      throw new Error('docker-registry can not be started; ./build.sh installs it', { cause: error });
    });
    const proxy = createServer();
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const started = new DockerRegistry(registry, port, proxy, directory);
    await started.#answers(port);
    return started;
  }

  /**
   * An image of its own that can do what the test image can, at `path:tag` of this registry and no longer on the
   * machine. Returns its digest.
   */
  async publish(docker: Docker, path: string, tag: string): Promise<string> {
    const repo = `${this.host}/${path}`;
    const container = await docker.createContainer({ Image: TEST_IMAGE });
    try {
      const tar = pack();
      // So that its only layer is on no machine yet, and has a size.
      tar.entry({ name: 'unique' }, randomBytes(1_000_000));
      tar.finalize();
      await container.putArchive(Readable.from(tar), { path: '/' });
      const exported = Readable.from(await container.export());
      // Its types know the callback form alone.
      const importing = docker.importImage(exported, { repo, tag }) as unknown as Promise<Readable>;
      assert.match(await text(await importing), /sha256:/);
    } finally {
      await container.remove();
    }
    const image = docker.getImage(`${repo}:${tag}`);
    const authconfig = { ...LOGIN, serveraddress: this.host };
    const pushed = await text(await image.push({ tag, authconfig }));
    assert.ok(!pushed.includes('errorDetail'), pushed);
    const [, digest] = /digest: (sha256:[0-9a-f]{64})/.exec(pushed) ?? [];
    await image.remove();
    this.requests.splice(0);
    return digest ?? assert.fail(pushed);
  }

  /** The requests whose text has it. */
  asked(words: RegExp): readonly string[] {
    return this.requests.filter((request) => words.test(request));
  }

  async close(): Promise<void> {
    this.#proxy.closeAllConnections();
    this.#proxy.close();
    this.#registry.kill();
    if (this.#registry.exitCode === null) await once(this.#registry, 'exit');
    await rm(this.#directory, { recursive: true });
  }

  async #answers(port: number): Promise<void> {
    await until('docker-registry answers', async () => {
      assert.equal(this.#registry.exitCode, null, 'docker-registry has ended');
      const response = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
      await response?.arrayBuffer();
      return response;
    });
  }
}

function forward(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url, headers } = request;
  const onward = httpRequest({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

async function htpasswd(directory: string): Promise<string> {
  const path = join(directory, 'htpasswd');
  const run = promisify(execFile);
  const { stdout } = await run('htpasswd', ['-Bbn', LOGIN.username, LOGIN.password]).catch((error: unknown) => {
    throw new Error('htpasswd can not be run; ./build.sh installs it (apache2-utils)', { cause: error });
  });
  await writeFile(path, stdout);
  return path;
}

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(import.meta.resolve('stateless-dns-server/server.js'));

/** The DNS server that resolves signed host names, as deployments run it; in a process of its own, on loopback. */
export class StatelessDns {
  readonly #process: ChildProcess;
  readonly #resolver = new Resolver({ tries: 2, timeout: 5000 });

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.#resolver.setServers([`127.0.0.1:${port}`]);
  }

  static async start(domain: string, secret: string): Promise<StatelessDns> {
    const port = await freeUdpPort();
    const env = { PORT: String(port), DOMAIN: domain, PRIMARY_SECRET: secret };
    const child = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    // It writes its first line when it listens; what it writes later is nobody's business.
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error('no DNS'))),
    ]);
    child.stdout.resume();
    return new StatelessDns(child, port);
  }

  /** The addresses of a name; none when the server does not take the name for one of its own, or no longer. */
  async addressesOf(name: string): Promise<readonly string[]> {
    try {
      return await this.#resolver.resolve4(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENODATA') return [];
      throw error;
    }
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

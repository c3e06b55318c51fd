import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Character devices that every Linux has, whose nodes stand for those of devices that it may not have. */
const MEMORY = { full: '7', random: '8', urandom: '9', zero: '5' } as const;

/** A directory in place of /dev, with nodes of its own that work. */
export class DeviceDirectory {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<DeviceDirectory> {
    return new DeviceDirectory(await mkdtemp(join(tmpdir(), 'dev-')));
  }

  /** Fails where this machine lets nobody make nodes. */
  async add(name: string, like: keyof typeof MEMORY = 'zero'): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await promisify(execFile)('mknod', ['-m', '666', path, 'c', '1', MEMORY[like]]);
  }

  async addCard(number: number, ends: readonly string[] = ['D0c', 'D0p', 'D1c', 'D1p']): Promise<void> {
    await this.add(`snd/controlC${number}`);
    for (const end of ends) await this.add(`snd/pcmC${number}${end}`);
  }

  async delete(name: string): Promise<void> {
    await rm(join(this.path, name));
  }

  /** Makes the machine's shared memory, or writes a file in it. */
  async share(file?: string): Promise<void> {
    await mkdir(join(this.path, 'shm'), { recursive: true });
    if (file !== undefined) await writeFile(join(this.path, 'shm', file), '');
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

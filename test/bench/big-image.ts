import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';
import { tarOf } from '../support/image-archive.js';

const FILES = 60;
const MIB = 1024 * 1024;
const WORDS = 'the worker takes an image from an artifact and gives it to the engine as it comes'.split(' ');

/**
 * Writes an image archive: each of its layers is some 75 MB once zstd has compressed it, half of it cannot be compressed,
 * half is text. The same bytes each time. Only one layer is in memory.
 */
export async function writeBigImage(file: string, name: string, layers: number): Promise<void> {
  const zstd = spawn('zstd', ['-q', '-1'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const tar = pack();
  const written = Promise.all([pipeline(tar, zstd.stdin), pipeline(zstd.stdout, createWriteStream(file))]);
  const diffIds: string[] = [];
  for (let layer = 0; layer < layers; layer += 1) {
    const content = await layerTar(layer);
    diffIds.push(createHash('sha256').update(content).digest('hex'));
    await add(tar, `${layer}/layer.tar`, content);
  }
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: diffIds.map((hex) => `sha256:${hex}`) },
    }),
  );
  const Config = `${createHash('sha256').update(config).digest('hex')}.json`;
  const Layers = diffIds.map((_, layer) => `${layer}/layer.tar`);
  await add(tar, Config, config);
  await add(tar, 'manifest.json', Buffer.from(JSON.stringify([{ Config, RepoTags: [name], Layers }])));
  tar.finalize();
  await written;
}

async function add(tar: Pack, name: string, content: Buffer): Promise<void> {
  const entry = tar.entry({ name, size: content.length, mtime: new Date(0) });
  const finished = once(entry, 'finish');
  entry.end(content);
  await finished;
}

async function layerTar(layer: number): Promise<Buffer> {
  const files = Array.from({ length: FILES }, (_, n) => ({
    name: `usr/share/${layer}/${n}`,
    content: n % 2 === 0 ? noise(layer * FILES + n) : prose(layer * FILES + n),
  }));
  return await tarOf(files);
}

/** Two mebibytes that look random. */
function noise(seed: number): Buffer {
  const key = createHash('sha256').update(`noise ${seed}`).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(2 * MIB));
}

/** Two mebibytes of text. */
function prose(seed: number): Buffer {
  const choice = noise(seed).subarray(0, 400_000);
  const text = Array.from(choice, (byte) => WORDS[byte % WORDS.length]).join(' ');
  return Buffer.alloc(2 * MIB, text);
}

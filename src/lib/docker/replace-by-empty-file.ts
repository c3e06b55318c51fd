import { createHash, randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { unlessStatus } from './docker-client.js';
import type { DockerClient } from './docker-client.js';
import type { Labels } from './engine.js';
import { loadImage } from './load-image.js';

// Long enough to delete a large directory.
const REPLACE_TIMEOUT_MS = 900_000;
const PARENT = '/parent';
const NEVER = new AbortController().signal;

/**
 * Makes the engine, which is root, replace `path` by an empty file. The engine does so when it unpacks an archive into
 * a container that never runs: an entry for a file deletes what is in its place, even a whole directory, and follows no
 * link (https://github.com/moby/moby/blob/v28.0.0/pkg/archive/archive.go, Unpack). The container's image is empty and
 * loaded for this purpose, so that neither a program nor a registry is needed. Both are removed afterwards.
 */
export async function replaceByEmptyFile(client: DockerClient, path: string, labels: Labels): Promise<void> {
  const image = `docker-worker-empty:${randomUUID()}`;
  await loadImage(client, Readable.from([await emptyImage(image)]), NEVER);
  try {
    await replaceIn(client, image, path, labels);
  } finally {
    await client.removeImage(image, { what: `removing image ${image}` });
  }
}

async function replaceIn(client: DockerClient, image: string, path: string, labels: Labels): Promise<void> {
  const mount = { Type: 'bind', Source: dirname(path), Target: PARENT } as const;
  const body = {
    Image: image,
    // A command is required, but never run.
    Cmd: ['/nothing'],
    Labels: { ...labels },
    HostConfig: { Mounts: [mount], NetworkMode: 'none' },
  };
  const id = await client.createContainer(body, { what: `mounting ${mount.Source}` });
  try {
    const archive = await tarOf({ [basename(path)]: Buffer.alloc(0) });
    await client.putArchive(id, PARENT, archive, { what: `replacing ${path}`, timeoutMs: REPLACE_TIMEOUT_MS });
  } finally {
    // The worker's own cleanup may have removed it already.
    await unlessStatus(client.removeContainer(id, { what: `removing container ${id}` }), 404, 409);
  }
}

/** Returns an archive as `docker save` writes it, with one empty layer. */
async function emptyImage(name: string): Promise<Buffer> {
  const layer = await tarOf({});
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const rootfs = { type: 'layers', diff_ids: [diffId] };
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  return await tarOf({
    'layer.tar': layer,
    // The engine refuses images for other platforms only when it runs them.
    'config.json': Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs })),
    'manifest.json': Buffer.from(JSON.stringify(manifest)),
  });
}

async function tarOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  return await buffer(archive);
}

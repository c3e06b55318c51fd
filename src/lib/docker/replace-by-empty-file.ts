import { createHash, randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { unlessStatus } from './docker-client.js';
import type { DockerClient } from './docker-client.js';
import type { Labels } from './engine.js';
import { loadImage } from './load-image.js';

// As long as it takes to delete what is there.
const REPLACE_TIMEOUT_MS = 900_000;
const PARENT = '/parent';
const NEVER = new AbortController().signal;

/**
 * Makes the engine, which is root, replace `path` by an empty file. It does so when it takes an archive into a container
 * that never runs: an entry for a file deletes what is at its place, be it a whole directory, and follows no link
 * (https://github.com/moby/moby/blob/v28.0.0/pkg/archive/archive.go, Unpack). The container is of an image without any
 * content, which is loaded for it, so that no program and no registry is needed. Neither is left afterwards.
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
    // It needs one, and never runs it.
    Cmd: ['/nothing'],
    Labels: { ...labels },
    HostConfig: { Mounts: [mount], NetworkMode: 'none' },
  };
  const id = await client.createContainer(body, { what: `mounting ${mount.Source}` });
  try {
    const archive = await tarOf({ [basename(path)]: Buffer.alloc(0) });
    await client.putArchive(id, PARENT, archive, { what: `replacing ${path}`, timeoutMs: REPLACE_TIMEOUT_MS });
  } finally {
    // The worker may have removed it meanwhile, as it tidies up.
    await unlessStatus(client.removeContainer(id, { what: `removing container ${id}` }), 404, 409);
  }
}

/** An archive as `docker save` makes them; one layer, in which there is nothing. */
async function emptyImage(name: string): Promise<Buffer> {
  const layer = await tarOf({});
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const rootfs = { type: 'layers', diff_ids: [diffId] };
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  return await tarOf({
    'layer.tar': layer,
    // The engine refuses images of other platforms only when it is to run them.
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

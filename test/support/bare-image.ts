import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';

/** An image with neither command nor entrypoint; returns its name. */
export async function bareImage(docker: Docker): Promise<string> {
  const tar = pack();
  tar.entry({ name: 'file' }, 'content');
  tar.finalize();
  const options = { repo: 'docker-worker/test-bare', tag: 'latest' };
  // Its types know the callback form alone.
  const progress = docker.importImage(Readable.from(tar), options) as unknown as Promise<Readable>;
  assert.match(await text(await progress), /sha256:/);
  return 'docker-worker/test-bare:latest';
}

import { createHash } from 'node:crypto';
import { DockerError } from '../../src/lib/docker/engine.js';
import type { ImageInfo, LoadedImages } from '../../src/lib/docker/engine.js';

interface FakeManifest {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
}

/** Puts the images of an archive of `files` into `images` as the engine does, under their names or else their ids. */
export function loadFakeImages(files: Readonly<Record<string, string>>, images: Map<string, ImageInfo>): LoadedImages {
  if (files['manifest.json'] === undefined) throw new DockerError('invalid archive: there is no image in it', 400);
  const loaded = { names: [] as string[], ids: [] as string[] };
  for (const { Config, RepoTags } of JSON.parse(files['manifest.json']) as readonly FakeManifest[]) {
    const json = files[Config];
    if (json === undefined) throw new DockerError(`open ${Config}: no such file or directory`, 400);
    const id = `sha256:${createHash('sha256').update(json).digest('hex')}`;
    const { config } = JSON.parse(json) as { readonly config: { readonly Cmd?: string[] } };
    for (const name of RepoTags ?? []) images.set(name, { id, entrypoint: [], command: config.Cmd ?? [] });
    if (RepoTags?.length) loaded.names.push(...RepoTags);
    else {
      images.set(id, { id, entrypoint: [], command: config.Cmd ?? [] });
      loaded.ids.push(id);
    }
  }
  return loaded;
}

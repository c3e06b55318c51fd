import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** One image of an open docker registry, to make others of that differ from it in one thing. */
export class RegistryContent {
  readonly config: Readonly<Record<string, unknown>>;
  readonly #url: string;
  readonly #manifest: Manifest;

  private constructor(url: string, manifest: Manifest, config: Readonly<Record<string, unknown>>) {
    this.#url = url;
    this.#manifest = manifest;
    this.config = config;
  }

  static async of(host: string, path: string, tag: string): Promise<RegistryContent> {
    const url = `http://${host}/v2/${path}`;
    const get = async (what: string): Promise<unknown> =>
      (await fetch(`${url}/${what}`, { headers: { accept: MANIFEST } })).json();
    const manifest = (await get(`manifests/${tag}`)) as Manifest;
    const config = await get(`blobs/${manifest.config.digest}`);
    return new RegistryContent(url, manifest, config as Readonly<Record<string, unknown>>);
  }

  withConfigType(mediaType: string): Promise<object> {
    return Promise.resolve({ ...this.#manifest, config: { ...this.#manifest.config, mediaType } });
  }

  /** `config`: as it is when it is text, else as JSON. */
  async withConfig(config: object | string): Promise<object> {
    const blob = await this.#blob(typeof config === 'string' ? config : JSON.stringify(config));
    return { ...this.#manifest, config: { ...this.#manifest.config, ...blob } };
  }

  async withLayer(content: string): Promise<object> {
    return { ...this.#manifest, layers: [{ ...this.#manifest.layers[0], ...(await this.#blob(content)) }] };
  }

  async put(tag: string, manifest: object): Promise<void> {
    const headers = { 'content-type': MANIFEST };
    const options = { method: 'PUT', headers, body: JSON.stringify(manifest) };
    const answer = await fetch(`${this.#url}/manifests/${tag}`, options);
    assert.equal(answer.status, 201, await answer.text());
  }

  async #blob(content: string): Promise<Pick<Descriptor, 'digest' | 'size'>> {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const begun = await fetch(`${this.#url}/blobs/uploads/`, { method: 'POST' });
    const address = new URL(begun.headers.get('location') ?? '', this.#url);
    address.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await fetch(address, { method: 'PUT', headers, body: content });
    assert.equal(answer.status, 201, await answer.text());
    return { digest, size: Buffer.byteLength(content) };
  }
}

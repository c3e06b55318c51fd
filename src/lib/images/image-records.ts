import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { schemaAssertion } from '../util/own-schema.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';
import type { FetchedImage } from './image-provider.js';

/** What is known about an image that tasks have used. */
export interface ImageRecord {
  readonly localName: string;
  /** All other fields are valid only while the engine has this id under the name. */
  readonly imageId: string;
  /** `sha256:<hex>` of the artifact it came from. */
  readonly artifactHash?: string;
  /** ISO 8601. */
  readonly lastUsedAt: string;
  /** This worker, or a previous one with the same state directory, fetched it; otherwise it was there before. */
  readonly wasFetched: boolean;
}

export interface ImageRecordsDeps {
  readonly stateDir: string;
  readonly log: Logger;
  readonly now: () => Date;
}

const FILE = 'images.json';
// Every task is a use: one write a second is enough.
const WRITE_DELAY_MS = 1000;

const TEXT = { type: 'string', minLength: 1 } as const;
const RECORD = {
  type: 'object',
  properties: {
    localName: TEXT,
    imageId: TEXT,
    artifactHash: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
    lastUsedAt: { type: 'string', format: 'date-time' },
    wasFetched: { type: 'boolean' },
  },
  required: ['localName', 'imageId', 'lastUsedAt', 'wasFetched'],
} as const;
const SCHEMA = { type: 'object', properties: { images: { type: 'array', items: RECORD } }, required: ['images'] };

const asState = schemaAssertion<{ readonly images: readonly ImageRecord[] }>(SCHEMA, 'state');

/**
 * The images that tasks have used, kept across restarts in `images.json` in the state directory. Written in the
 * background, except after a fetch, because an image's origin can't be found out again.
 */
export class ImageRecords {
  readonly #deps: ImageRecordsDeps;
  readonly #path: string;
  readonly #records: Map<string, ImageRecord>;
  #timer: NodeJS.Timeout | undefined;
  #isDirty = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(deps: ImageRecordsDeps, path: string, records: readonly ImageRecord[]) {
    this.#deps = deps;
    this.#path = path;
    this.#records = new Map(records.map((record) => [record.localName, record]));
  }

  /** Reads the records. An unreadable file is reported to the operator and replaced. */
  static async open(deps: ImageRecordsDeps): Promise<ImageRecords> {
    const path = join(deps.stateDir, FILE);
    try {
      const text = await readStateFile(path);
      return new ImageRecords(deps, path, text === undefined ? [] : asState(JSON.parse(text)).images);
    } catch (error) {
      deps.log.error('image state not readable', { path, error: errorMessage(error) });
      return new ImageRecords(deps, path, []);
    }
  }

  /** Returns the record of the image with this id under this name. */
  find(localName: string, imageId: string): ImageRecord | undefined {
    const record = this.#records.get(localName);
    return record?.imageId === imageId ? record : undefined;
  }

  /** All records, the least recently used first. */
  get leastRecentlyUsed(): readonly ImageRecord[] {
    return [...this.#records.values()].sort((a, b) => Date.parse(a.lastUsedAt) - Date.parse(b.lastUsedAt));
  }

  /** Notes that a task uses the image from now on. */
  used(localName: string, imageId: string): ImageRecord {
    const known = this.find(localName, imageId) ?? { localName, imageId, wasFetched: false };
    return this.#set({ ...known, lastUsedAt: this.#deps.now().toISOString() });
  }

  /** Notes that a task uses the image still, or did until now, unless the name belongs to another image by now. */
  stillUsed(localName: string, imageId: string): void {
    if ((this.#records.get(localName)?.imageId ?? imageId) === imageId) this.used(localName, imageId);
  }

  /** Notes that the image was just fetched. Resolves after that is written. */
  async fetched(localName: string, imageId: string, origin: FetchedImage): Promise<void> {
    this.#set({ localName, imageId, ...origin, wasFetched: true, lastUsedAt: this.#deps.now().toISOString() });
    await this.flush();
  }

  forget(localName: string): void {
    if (this.#records.delete(localName)) this.#changed();
  }

  /** Writes pending changes. Failures are logged, and the changes wait for the next write. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  #set(record: ImageRecord): ImageRecord {
    this.#records.set(record.localName, record);
    this.#changed();
    return record;
  }

  #changed(): void {
    this.#isDirty = true;
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_DELAY_MS).unref();
  }

  async #write(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    try {
      await replaceStateFile(this.#path, JSON.stringify({ images: [...this.#records.values()] }));
    } catch (error) {
      this.#isDirty = true;
      this.#deps.log.warn('image state not written', { path: this.#path, error: errorMessage(error) });
    }
  }
}

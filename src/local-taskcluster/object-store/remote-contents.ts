import type { Readable } from 'node:stream';
import type { StoredObject } from './object-store.js';

/** The part of a content that a request asks for. */
export interface WantedPart {
  /** The Range header. */
  readonly range?: string | undefined;
  /** The If-Range header. */
  readonly ifRange?: string | undefined;
  /** The body will not be read. */
  readonly isHeadOnly: boolean;
}

export interface RemoteContent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** To be read to its end or destroyed. */
  readonly body: Readable;
}

/** Contents that are stored elsewhere, under keys that the object store does not have. */
export interface RemoteContents {
  /** Returns the content as a file, if a copy is kept here. */
  kept(key: string): Promise<StoredObject | undefined>;
  /** Returns the content from where it is stored, if there is one; reading ends when the signal aborts. */
  open(key: string, part: WantedPart, signal: AbortSignal): Promise<RemoteContent | undefined>;
}

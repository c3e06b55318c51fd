import type { ImageReference } from '../images/image-provider.js';

/** payload.image, as schemas/v1/payload.json allows it. */
export type PayloadImage = string | ImageReference;

export interface PayloadArtifact {
  readonly type: 'file' | 'directory' | 'volume';
  readonly path: string;
  /** ISO 8601; default: when the task expires. */
  readonly expires?: string;
  readonly contentType?: string;
  readonly contentEncoding?: 'identity' | 'gzip';
  /** A missing optional artifact is not reported as an error. */
  readonly optional?: boolean;
}

/** A validated payload; see schemas/v1/payload.json for what each key means. */
export interface Payload {
  readonly image: PayloadImage;
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds, from the start of the container. */
  readonly maxRunTime: number;
  readonly cache?: Readonly<Record<string, string>>;
  readonly capabilities?: {
    readonly privileged?: boolean;
    readonly disableSeccomp?: boolean;
    readonly devices?: Readonly<Record<string, boolean>>;
  };
  readonly artifacts?: Readonly<Record<string, PayloadArtifact>>;
  readonly features?: Readonly<Record<string, boolean>>;
  readonly onExitStatus?: { readonly retry?: readonly number[]; readonly purgeCaches?: readonly number[] };
  readonly log?: string;
  readonly encryptedEnv?: readonly string[];
  readonly supersederUrl?: string;
}

import { Schema } from '../http/schema.js';
import { DATE_TIME, PROJECT_ID, SLUGID } from './task-schemas.js';

export const HASH_ALGORITHMS = ['sha256', 'sha512'] as const;

/** Hashes of an object's content in hexadecimal digits, by algorithm. */
export type Hashes = Readonly<Partial<Record<(typeof HASH_ALGORITHMS)[number], string>>>;

export interface CreateUploadRequest {
  readonly projectId: string;
  readonly uploadId: string;
  readonly expires: string;
  readonly hashes?: Hashes;
  readonly proposedUploadMethods: {
    /** `objectData` is base64. */
    readonly dataInline?: { readonly contentType: string; readonly objectData: string };
    readonly putUrl?: { readonly contentType: string; readonly contentLength: number };
  };
}

export interface FinishUploadRequest {
  readonly projectId: string;
  readonly uploadId: string;
  readonly hashes?: Hashes;
}

export interface StartDownloadRequest {
  readonly acceptDownloadMethods: { readonly simple?: true; readonly getUrl?: true };
}

/** The schema of hashes. Unknown algorithms are allowed and ignored: newer clients may send more of them. */
export const HASHES = {
  type: 'object',
  properties: {
    sha256: { type: 'string', pattern: '^[a-z0-9]{64}$' },
    sha512: { type: 'string', pattern: '^[a-z0-9]{128}$' },
  },
} as const;
const URI = { type: 'string', format: 'uri' } as const;
// 8 KiB and their padding.
const LONGEST_INLINE_DATA = 10_926;

const closed = (properties: object, required = Object.keys(properties)): object => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

const UPLOAD = { projectId: PROJECT_ID, uploadId: SLUGID } as const;

export const CREATE_UPLOAD_REQUEST = new Schema<CreateUploadRequest>(
  'Create Upload Request',
  closed(
    {
      ...UPLOAD,
      expires: DATE_TIME,
      hashes: HASHES,
      proposedUploadMethods: closed(
        {
          dataInline: closed({
            contentType: { type: 'string' },
            objectData: { type: 'string', maxLength: LONGEST_INLINE_DATA },
          }),
          putUrl: closed({ contentType: { type: 'string' }, contentLength: { type: 'integer' } }),
        },
        [],
      ),
    },
    ['projectId', 'uploadId', 'expires', 'proposedUploadMethods'],
  ),
);

export const CREATE_UPLOAD_RESPONSE = new Schema<unknown>(
  'Create Upload Response',
  closed({
    ...UPLOAD,
    expires: DATE_TIME,
    uploadMethod: {
      ...closed(
        {
          dataInline: { type: 'boolean', const: true },
          putUrl: closed({
            url: URI,
            expires: DATE_TIME,
            headers: { type: 'object', additionalProperties: { type: 'string' } },
          }),
        },
        [],
      ),
      maxProperties: 1,
    },
  }),
);

export const FINISH_UPLOAD_REQUEST = new Schema<FinishUploadRequest>(
  'Finish Upload Request',
  closed({ ...UPLOAD, hashes: HASHES }, ['projectId', 'uploadId']),
);

export const START_DOWNLOAD_REQUEST = new Schema<StartDownloadRequest>(
  'Download Object Request',
  closed({
    acceptDownloadMethods: closed(
      { simple: { type: 'boolean', const: true }, getUrl: { type: 'boolean', const: true } },
      [],
    ),
  }),
);

export const START_DOWNLOAD_RESPONSE = new Schema<unknown>('Download Object Response', {
  type: 'object',
  oneOf: [
    closed({ method: { const: 'simple' }, url: URI }),
    closed({ method: { const: 'getUrl' }, url: URI, expires: DATE_TIME, hashes: HASHES }),
  ],
});

export const OBJECT_RESPONSE = new Schema<unknown>(
  'Object Metadata',
  closed({ projectId: PROJECT_ID, expires: DATE_TIME, hashes: HASHES }),
);

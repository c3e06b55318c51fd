import { Schema } from '../http/schema.js';
import { CREDENTIALS } from './claim-schemas.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, PROJECT_ID, SLUGID } from './task-schemas.js';

const ERROR_REASONS = [
  'file-missing-on-worker',
  'invalid-resource-on-worker',
  'too-large-file-on-worker',
  'file-not-readable-on-worker',
] as const;

/** The input of createArtifact, by storage type. */
export type ArtifactRequest =
  | {
      readonly storageType: 's3' | 'object';
      readonly contentType: string;
      readonly expires: string;
      /** The size of the content before any encoding, in bytes. */
      readonly contentLength?: number;
    }
  | { readonly storageType: 'reference'; readonly url: string; readonly contentType: string; readonly expires: string }
  | { readonly storageType: 'link'; readonly artifact: string; readonly contentType?: string; readonly expires: string }
  | {
      readonly storageType: 'error';
      readonly reason: (typeof ERROR_REASONS)[number];
      readonly message: string;
      readonly expires: string;
    };

export type StorageType = ArtifactRequest['storageType'];

/** Whether createArtifact accepts a `contentLength`: queues older than 96.7 refuse it. */
export type ContentLengthRule = 'taken' | 'refused';

const STORAGE_TYPES = ['s3', 'object', 'reference', 'link', 'error'] as const satisfies readonly StorageType[];
const CONTENT_TYPE = { type: 'string', maxLength: 255 } as const;
const CONTENT_LENGTH = { type: 'integer', minimum: 0 } as const;
const URI = { type: 'string', format: 'uri' } as const;

// An artifact's name, preceded by its task and run.
const OBJECT_NAME = { type: 'string', pattern: '^[\\x20-\\x7e]+$' } as const;

const variant = (storageType: StorageType, properties: object, optional: readonly string[] = []): object =>
  objectOf({ storageType: { const: storageType }, ...properties }, optional);

const byStorageType = (...variants: readonly object[]): object => ({
  type: 'object',
  discriminator: { propertyName: 'storageType' },
  required: ['storageType'],
  oneOf: variants,
});

function postArtifactRequest(rule: ContentLengthRule): Schema<ArtifactRequest> {
  const stored = {
    expires: DATE_TIME,
    contentType: CONTENT_TYPE,
    ...(rule === 'taken' && { contentLength: CONTENT_LENGTH }),
  };
  return new Schema<ArtifactRequest>(
    'Post Artifact Request',
    byStorageType(
      variant('s3', stored, ['contentLength']),
      variant('object', stored, ['contentLength']),
      variant('reference', { expires: DATE_TIME, contentType: CONTENT_TYPE, url: URI }),
      variant('link', { expires: DATE_TIME, contentType: CONTENT_TYPE, artifact: { type: 'string' } }, ['contentType']),
      variant('error', {
        expires: DATE_TIME,
        reason: { type: 'string', enum: ERROR_REASONS },
        message: { type: 'string', maxLength: 4096 },
      }),
    ),
  );
}

export const POST_ARTIFACT_REQUESTS: Readonly<Record<ContentLengthRule, Schema<ArtifactRequest>>> = {
  taken: postArtifactRequest('taken'),
  refused: postArtifactRequest('refused'),
};

export const POST_ARTIFACT_RESPONSE = new Schema<unknown>(
  'Post Artifact Response',
  byStorageType(
    variant('s3', { contentType: CONTENT_TYPE, expires: DATE_TIME, putUrl: URI }),
    variant('object', {
      name: OBJECT_NAME,
      projectId: PROJECT_ID,
      uploadId: SLUGID,
      expires: DATE_TIME,
      credentials: CREDENTIALS,
    }),
    variant('reference', {}),
    variant('link', {}),
    variant('error', {}),
  ),
);

export const FINISH_ARTIFACT_REQUEST = new Schema<{ readonly uploadId: string }>(
  'Finish Artifact Request',
  objectOf({ uploadId: SLUGID }),
);

/** An artifact as lists show it. */
export interface ArtifactInfo {
  readonly storageType: StorageType;
  readonly name: string;
  readonly expires: string;
  readonly contentType: string;
  /** The size that the artifact's creator declared, if it did. */
  readonly contentLength?: number;
}

const ARTIFACT = objectOf(
  {
    storageType: { type: 'string', enum: STORAGE_TYPES },
    name: { type: 'string', maxLength: 1024 },
    expires: DATE_TIME,
    contentType: CONTENT_TYPE,
    contentLength: CONTENT_LENGTH,
  },
  ['contentLength'],
);

export const ARTIFACT_RESPONSE = new Schema<unknown>('Artifact', ARTIFACT);

export const LIST_ARTIFACTS_RESPONSE = listSchema('List Artifacts Response', 'artifacts', ARTIFACT);

export const GET_ARTIFACT_RESPONSE = new Schema<unknown>(
  'Get Artifact Response',
  objectOf({ storageType: { type: 'string' }, url: URI }),
);

export const ARTIFACT_CONTENT_RESPONSE = new Schema<unknown>(
  'Get Artifact Content Response',
  byStorageType(
    variant('s3', { url: URI }),
    variant('object', { name: OBJECT_NAME, credentials: CREDENTIALS }),
    variant('reference', { url: URI }),
    variant('error', { reason: { type: 'string' }, message: { type: 'string' } }),
  ),
);

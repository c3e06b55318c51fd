import { Schema } from '../http/schema.js';
import { DATE_TIME, PROJECT_ID, SLUGID } from './task-schemas.js';
import { CREDENTIALS } from './claim-schemas.js';

const ERROR_REASONS = [
  'file-missing-on-worker',
  'invalid-resource-on-worker',
  'too-large-file-on-worker',
  'file-not-readable-on-worker',
] as const;

/** What createArtifact takes, by storage type. */
export type ArtifactRequest =
  | { readonly storageType: 's3' | 'object'; readonly contentType: string; readonly expires: string }
  | { readonly storageType: 'reference'; readonly url: string; readonly contentType: string; readonly expires: string }
  | { readonly storageType: 'link'; readonly artifact: string; readonly contentType?: string; readonly expires: string }
  | {
      readonly storageType: 'error';
      readonly reason: (typeof ERROR_REASONS)[number];
      readonly message: string;
      readonly expires: string;
    };

export type StorageType = ArtifactRequest['storageType'];

const STORAGE_TYPES = ['s3', 'object', 'reference', 'link', 'error'] as const satisfies readonly StorageType[];
const CONTENT_TYPE = { type: 'string', maxLength: 255 } as const;
const ARTIFACT_NAME = { type: 'string', maxLength: 1024, pattern: '^[\\x20-\\x7e]+$' } as const;

// An artifact's name with its task and run before it.
const OBJECT_NAME = { type: 'string', pattern: '^[\\x20-\\x7e]+$' } as const;

const variant = (storageType: StorageType, properties: object, required: readonly string[]): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { storageType: { const: storageType }, expires: DATE_TIME, ...properties },
  required: ['storageType', 'expires', ...required],
});

const REQUEST_VARIANTS: Readonly<Record<StorageType, object>> = {
  s3: variant('s3', { contentType: CONTENT_TYPE }, ['contentType']),
  object: variant('object', { contentType: CONTENT_TYPE }, ['contentType']),
  reference: variant('reference', { contentType: CONTENT_TYPE, url: { type: 'string', format: 'uri' } }, [
    'contentType',
    'url',
  ]),
  link: variant('link', { contentType: CONTENT_TYPE, artifact: ARTIFACT_NAME }, ['artifact']),
  error: variant(
    'error',
    { reason: { type: 'string', enum: ERROR_REASONS }, message: { type: 'string', maxLength: 4096 } },
    ['reason', 'message'],
  ),
};

export const POST_ARTIFACT_REQUEST = new Schema<ArtifactRequest>('Post Artifact Request', {
  type: 'object',
  discriminator: { propertyName: 'storageType' },
  required: ['storageType'],
  oneOf: Object.values(REQUEST_VARIANTS),
});

export const POST_ARTIFACT_RESPONSE = new Schema<unknown>('Post Artifact Response', {
  type: 'object',
  additionalProperties: false,
  properties: {
    storageType: { type: 'string', enum: STORAGE_TYPES },
    contentType: CONTENT_TYPE,
    expires: DATE_TIME,
    putUrl: { type: 'string', format: 'uri' },
    name: OBJECT_NAME,
    projectId: PROJECT_ID,
    uploadId: SLUGID,
    credentials: CREDENTIALS,
  },
  required: ['storageType'],
});

export const FINISH_ARTIFACT_REQUEST = new Schema<{ readonly uploadId: string }>('Finish Artifact Request', {
  type: 'object',
  additionalProperties: false,
  properties: { uploadId: SLUGID },
  required: ['uploadId'],
});

/** An artifact as lists show it. */
export interface ArtifactInfo {
  readonly storageType: StorageType;
  readonly name: string;
  readonly expires: string;
  readonly contentType: string;
}

const ARTIFACT = {
  type: 'object',
  additionalProperties: false,
  properties: {
    storageType: { type: 'string', enum: STORAGE_TYPES },
    name: ARTIFACT_NAME,
    expires: DATE_TIME,
    contentType: CONTENT_TYPE,
  },
  required: ['storageType', 'name', 'expires', 'contentType'],
} as const;

export const ARTIFACT_RESPONSE = new Schema<unknown>('Artifact', ARTIFACT);

export const LIST_ARTIFACTS_RESPONSE = new Schema<unknown>('List Artifacts Response', {
  type: 'object',
  additionalProperties: false,
  properties: { artifacts: { type: 'array', items: ARTIFACT }, continuationToken: { type: 'string' } },
  required: ['artifacts'],
});

export const GET_ARTIFACT_RESPONSE = new Schema<unknown>('Get Artifact Response', {
  type: 'object',
  additionalProperties: false,
  properties: { storageType: { type: 'string' }, url: { type: 'string', format: 'uri' } },
  required: ['storageType', 'url'],
});

export const ARTIFACT_CONTENT_RESPONSE = new Schema<unknown>('Get Artifact Content Response', {
  type: 'object',
  additionalProperties: false,
  properties: {
    storageType: { type: 'string', enum: ['s3', 'object', 'reference', 'error'] },
    url: { type: 'string', format: 'uri' },
    name: OBJECT_NAME,
    credentials: CREDENTIALS,
    reason: { type: 'string' },
    message: { type: 'string' },
  },
  required: ['storageType'],
});

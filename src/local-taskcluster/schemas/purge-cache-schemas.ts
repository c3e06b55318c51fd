import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, IDENTIFIER } from './task-schemas.js';

const CACHE_NAME = { type: 'string' } as const;

export const PURGE_CACHE_REQUEST = new Schema<{ readonly cacheName: string }>(
  'Purge Cache Request',
  objectOf({ cacheName: CACHE_NAME }),
);

const REQUEST = objectOf({
  provisionerId: IDENTIFIER,
  workerType: IDENTIFIER,
  cacheName: CACHE_NAME,
  before: DATE_TIME,
});

export const PURGE_REQUEST_LIST = new Schema<unknown>(
  'Open Purge Request List',
  objectOf({ requests: { type: 'array', items: REQUEST } }),
);

export const ALL_PURGE_REQUEST_LIST = listSchema('All Open Purge Requests List', 'requests', REQUEST);

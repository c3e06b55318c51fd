import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME } from './task-schemas.js';

export interface Secret {
  readonly secret: Readonly<Record<string, unknown>>;
  readonly expires: string;
}

export const SECRET = new Schema<Secret>('Secret', objectOf({ secret: { type: 'object' }, expires: DATE_TIME }));

export const SECRET_LIST = listSchema('Secrets List', 'secrets', { type: 'string' });

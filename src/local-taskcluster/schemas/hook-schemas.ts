import { Schema } from '../http/schema.js';
import { objectOf } from './define.js';

export const HOOK_GROUP_LIST = new Schema<unknown>(
  'List Hook Groups Response',
  objectOf({ groups: { type: 'array', items: { type: 'string' } } }),
);

import type { JsonObject } from '../model.js';
import { changePayload } from './change-payload.js';

/** Returns the definition with another image, by its name on this machine or in a registry. */
export function withImage(definition: JsonObject, image: string): JsonObject {
  return changePayload(definition, () => ({ image }));
}

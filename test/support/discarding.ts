import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Reads a container's output to its end and throws it away. */
export const discarding = (output: Readable): Promise<void> => finished(output.resume(), { writable: false });

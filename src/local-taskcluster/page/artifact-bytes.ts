import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Transform, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { errorMessage } from '../../lib/util/error-message.js';
import { ApiError } from '../http/api-error.js';

const DECODERS = { gzip: createGunzip, 'x-gzip': createGunzip, br: createBrotliDecompress, deflate: createInflate };

/** The content behind an address that the queue gave. */
export interface ArtifactBytes {
  /** Decoded; to be read to its end or destroyed. */
  readonly content: Readable;
  /** The size in bytes, where it is known. */
  readonly size: number | undefined;
}

/**
 * Reads what is at the address, as it comes: a live log ends with its task. Redirects are not followed, as only the queue
 * says what is read. Rejects with BadGateway, or ResourceNotFound for a 404.
 */
export async function artifactBytes(address: string, signal: AbortSignal): Promise<ArtifactBytes> {
  const response = await answerOf(address, signal);
  const { statusCode = 0, headers } = response;
  if (statusCode !== 200) {
    response.destroy();
    const code = statusCode === 404 ? 'ResourceNotFound' : 'BadGateway';
    throw new ApiError(
      code,
      `The address of the artifact, ${originOf(address)}, answers with the status ${statusCode}.`,
    );
  }
  const decoder = DECODERS[(headers['content-encoding'] ?? '') as keyof typeof DECODERS] as
    (() => Transform) | undefined;
  const length = headers['content-length'];
  if (!decoder) return { content: response, size: length === undefined ? undefined : Number(length) };
  // An error of either destroys both, and the reader sees an incomplete answer.
  return { content: pipeline(response, decoder(), () => undefined), size: undefined };
}

/** Returns a stream of the last bytes alone; they come when the content has ended. */
export function lastBytes(content: Readable, bytes: number): Readable {
  let kept: Buffer[] = [];
  let size = 0;
  const tail = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      kept.push(chunk);
      size += chunk.length;
      if (size > 2 * bytes + chunk.length) {
        kept = [Buffer.concat(kept).subarray(-bytes)];
        size = bytes;
      }
      done();
    },
    flush(done) {
      done(null, Buffer.concat(kept).subarray(-bytes));
    },
  });
  return pipeline(content, tail, () => undefined);
}

async function answerOf(address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ApiError(
      'BadGateway',
      `The artifact is at an address of the kind ${url.protocol}, which is not read here.`,
    );
  }
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    signal,
    headers: { 'accept-encoding': 'gzip, identity' },
  });
  request.end();
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  } catch (error) {
    throw new ApiError('BadGateway', `The artifact can't be read from ${originOf(address)}: ${errorMessage(error)}`);
  }
}

/** The rest of the address may be a secret: that of a live log has one. */
function originOf(address: string): string {
  return new URL(address).origin;
}

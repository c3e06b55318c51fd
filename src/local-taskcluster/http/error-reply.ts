import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage } from '../../lib/util/error-message.js';
import { ApiError, codeOfStatus } from './api-error.js';
import type { Endpoint } from './endpoint.js';

/** The called method, as far as its error messages need it. */
export type CalledMethod = Pick<Endpoint, 'name' | 'isConfidential'>;

/** Answers with the error in the format of Taskcluster's services; any error but an ApiError is an internal one. */
export async function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: { readonly method: CalledMethod; readonly error: unknown; readonly time: Date },
): Promise<FastifyReply> {
  const { statusCode, code, message } = failure.error instanceof ApiError ? failure.error : fromFastify(failure.error);
  return sendErrorBody(request, reply, { ...failure, statusCode, code, message });
}

/** Does the same for any status, even one without an error code. */
export async function sendErrorBody(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: {
    readonly method: CalledMethod;
    readonly statusCode: number;
    readonly code: string;
    readonly message: string;
    readonly time: Date;
  },
): Promise<FastifyReply> {
  const { statusCode, code, message } = failure;
  const { name: method, isConfidential } = failure.method;
  const time = failure.time.toJSON();
  const details = `* method:     ${method}\n* errorCode:  ${code}\n* statusCode: ${statusCode}\n* time:       ${time}`;
  const payload = isConfidential ? '(OMITTED)' : payloadOf(request);
  if (statusCode === 401) void reply.header('www-authenticate', 'hawk');
  return reply
    .code(statusCode)
    .type('application/json; charset=utf-8')
    .send(
      JSON.stringify({
        code,
        message: `${message}\n\n---\n\n${details}`,
        requestInfo: { method, params: request.params ?? {}, payload, time },
      }),
    );
}

function fromFastify(error: unknown): ApiError {
  const { statusCode } = error as { readonly statusCode?: number };
  return new ApiError(codeOfStatus(statusCode ?? 500), errorMessage(error));
}

function payloadOf(request: FastifyRequest): unknown {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return {};
  const text = request.body.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // The body is not JSON, so it is shown unchanged.
  }
}

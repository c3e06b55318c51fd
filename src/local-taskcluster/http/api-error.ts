const STATUS_OF_CODE = {
  MalformedPayload: 400,
  InvalidRequestArguments: 400,
  InputValidationError: 400,
  InputError: 400,
  DenylistedAddress: 400,
  AuthenticationFailed: 401,
  InsufficientScopes: 403,
  ResourceNotFound: 404,
  NoMatchingMethod: 406,
  RequestConflict: 409,
  ResourceExpired: 410,
  RequestTooLarge: 413,
  InternalServerError: 500,
  BadGateway: 502,
} as const;

export type ApiErrorCode = keyof typeof STATUS_OF_CODE;

/** The error that a service answers with: its code decides the HTTP status, and its message is for the caller. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get statusCode(): number {
    return STATUS_OF_CODE[this.code];
  }
}

/** Returns the code for an HTTP status that no handler chose (body too large, malformed address, injected, …). */
export function codeOfStatus(statusCode: number): ApiErrorCode {
  const codes = Object.keys(STATUS_OF_CODE) as ApiErrorCode[];
  const exact = codes.find((code) => STATUS_OF_CODE[code] === statusCode);
  return exact ?? (statusCode >= 400 && statusCode < 500 ? 'MalformedPayload' : 'InternalServerError');
}

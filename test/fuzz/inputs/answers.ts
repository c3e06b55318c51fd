import fc from 'fast-check';

/** What a service answers. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers of a service: of any status, and with any content. */
export function answerOf(body: fc.Arbitrary<string>): fc.Arbitrary<Answer> {
  return fc.record({
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constant(200) },
      { weight: 1, arbitrary: fc.constantFrom(201, 204, 304, 400, 401, 404, 409, 500, 503) },
    ),
    type: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/html', ''),
    body,
  });
}

import { readFileSync } from 'node:fs';
import { FlakyServer } from '../support/flaky-server.js';

const FIXTURES = new URL('../fixtures/ec2/', import.meta.url);

export function ec2Fixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

export const INSTANCE_ID = 'i-1234567890abcdef0';
const TOKEN = 'a-session-token';

/** How the service treats tokens: asks for them, doesn't know them, or knows them but never answers who wants one. */
export type TokenMode = 'required' | 'unknown' | 'silent';

/** The instance metadata service of an EC2 instance, on loopback. What is at a path can be changed at any time. */
export class FakeInstanceMetadata {
  /** By path behind `/latest`; what is not here is answered 404. */
  readonly answers = new Map<string, string>(
    Object.entries({
      '/meta-data/public-hostname': 'ec2-203-0-113-25.us-west-2.compute.amazonaws.com',
      '/meta-data/public-ipv4': '203.0.113.25',
      '/meta-data/local-ipv4': '10.158.112.84',
      '/meta-data/instance-id': INSTANCE_ID,
      '/meta-data/placement/availability-zone': 'us-west-2b',
      '/meta-data/instance-type': 't2.micro',
      '/dynamic/instance-identity/document': ec2Fixture('instance-identity-document.json'),
      '/dynamic/instance-identity/signature': 'dExamplesignature0O1l',
    }),
  );
  /** Tokens that were good until now are not any more when this changes. */
  tokenMode: TokenMode;
  failures = 0;
  #server: FlakyServer | undefined;
  #generation = 1;

  private constructor(tokenMode: TokenMode) {
    this.tokenMode = tokenMode;
  }

  static async start(tokenMode: TokenMode = 'required'): Promise<FakeInstanceMetadata> {
    const service = new FakeInstanceMetadata(tokenMode);
    service.#server = await FlakyServer.start((request, response) => {
      const path = (request.url ?? '').replace(/^\/latest/, '');
      const answer = (status: number, text = ''): void => {
        response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
      };
      if (service.failures > 0) {
        service.failures -= 1;
        answer(503);
      } else if (path === '/api/token') service.#answerToken(request.method ?? '', answer);
      else if (service.tokenMode === 'required' && request.headers['x-aws-ec2-metadata-token'] !== service.#token) {
        answer(401);
      } else {
        const text = service.answers.get(path);
        answer(text === undefined ? 404 : 200, text);
      }
    });
    return service;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  /** The paths that were asked for, in order. */
  get asked(): readonly string[] {
    return (this.#server?.requests ?? []).map(({ method = '', url = '' }) => `${method} ${url}`);
  }

  /** No token given out so far is good any more. */
  expireTokens(): void {
    this.#generation += 1;
  }

  /** What Amazon says two minutes before it takes an instance away. */
  announceTermination(): void {
    this.answers.set('/meta-data/spot/instance-action', ec2Fixture('spot-instance-action.json'));
    this.answers.set('/meta-data/spot/termination-time', '2017-09-18T08:22:00Z');
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  get #token(): string {
    return `${TOKEN}-${this.#generation}`;
  }

  #answerToken(method: string, answer: (status: number, text?: string) => void): void {
    if (this.tokenMode === 'silent') return;
    if (this.tokenMode === 'unknown') answer(404);
    else if (method !== 'PUT') answer(405);
    else answer(200, this.#token);
  }
}

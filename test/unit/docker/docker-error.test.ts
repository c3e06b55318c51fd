import { strict as assert } from 'node:assert';
import { dockerErrorOf, hasStatus, loadError, pullError, startError } from '../../../src/lib/docker/docker-error.js';
import { DockerError, EngineLostError } from '../../../src/lib/docker/engine.js';
import { TimeoutError } from '../../../src/lib/util/abortable.js';

const answer = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) ${message}`), { statusCode, json: { message } });

describe('an error of the engine', () => {
  it('has the engine’s own message and status', () => {
    const error = dockerErrorOf('creating', answer(404, 'No such image: x'));
    assert.equal(error.message, 'No such image: x');
    assert.equal(error.status, 404);
    assert.equal(error.retryable, false);
  });

  it('states what was asked if no answer came', () => {
    const refused = Object.assign(new Error('connect ENOENT /var/run/docker.sock'), { code: 'ENOENT' });
    const error = dockerErrorOf('creating a container', refused);
    assert.match(error.message, /^creating a container: cannot reach the Docker engine .*docker\.sock/);
    assert.equal(error.status, undefined);
    assert.equal(error.retryable, true);
    assert.equal(error.cause, refused);
  });

  it('is not wrapped again', () => {
    const error = new DockerError('x', 500);
    assert.equal(dockerErrorOf('y', error), error);
  });

  it('is recognized by its status', () => {
    assert.equal(hasStatus(answer(409, 'x'), 404, 409), true);
    assert.equal(hasStatus(answer(500, 'x'), 404, 409), false);
    assert.equal(hasStatus(new Error('x'), 404), false);
  });
});

describe('an error of creating or starting a container', () => {
  for (const [statusCode, message] of [
    [404, 'No such image: sha256:0'],
    [404, 'network dw-1 not found'],
    [404, 'No such container: 0'],
    [500, 'unable to find network with name or ID dw-1: network not found'],
  ] as const) {
    it(`blames the machine for "${message}", and says that the object existed before`, () => {
      const error = startError('creating', answer(statusCode, message));
      assert.equal(error.retryable, true);
      assert.match(error.message, new RegExp(`^${message}\\. .*something other than this worker removed it`));
    });
  }

  it('blames the payload if its command contains such words', () => {
    const message = 'OCI runtime create failed: exec: "no such image, network x not found": executable file not found';
    assert.equal(startError('starting', answer(400, message)).retryable, false);
  });
});

describe('a lost engine', () => {
  const coded = (code: string): Error => Object.assign(new Error(`failed: ${code}`), { code });
  const signs: readonly (readonly [string, Error])[] = [
    ['a socket that is not there', coded('ENOENT')],
    ['a refused connection', coded('ECONNREFUSED')],
    ['a reset connection', coded('ECONNRESET')],
    ['a broken pipe', coded('EPIPE')],
    ['the early end of an answer', coded('ERR_STREAM_PREMATURE_CLOSE')],
    ['no answer in time', new TimeoutError('creating a container', 300_000)],
  ];
  for (const [sign, error] of signs) {
    it(`is recognized by ${sign}`, () => {
      for (const of of [dockerErrorOf, pullError, startError] as const) {
        const known = of('creating', error);
        assert.ok(known instanceof EngineLostError, String(known));
        assert.match(known.message, /Docker engine/);
      }
    });
  }

  it('is not confused with a refusal or an image that can’t be loaded', () => {
    assert.ok(!(dockerErrorOf('x', answer(500, 'connect ECONNREFUSED 1.2.3.4:443')) instanceof EngineLostError));
    assert.ok(!(loadError(coded('EPIPE')) instanceof EngineLostError));
    assert.ok(loadError(coded('ECONNREFUSED')) instanceof EngineLostError);
  });
});

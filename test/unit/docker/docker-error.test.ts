import { strict as assert } from 'node:assert';
import { dockerErrorOf, hasStatus, pullError, startError } from '../../../src/lib/docker/docker-error.js';
import { DockerError } from '../../../src/lib/docker/engine.js';

const answer = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) ${message}`), { statusCode, json: { message } });

describe('an error of the engine', () => {
  it('has the engine’s own words and status', () => {
    const error = dockerErrorOf('creating', answer(404, 'No such image: x'));
    assert.equal(error.message, 'No such image: x');
    assert.equal(error.statusCode, 404);
    assert.equal(error.isTransient, false);
  });

  it('says what was asked when there was no answer', () => {
    const refused = Object.assign(new Error('connect ENOENT /var/run/docker.sock'), { code: 'ENOENT' });
    const error = dockerErrorOf('creating a container', refused);
    assert.match(error.message, /^creating a container: cannot reach the Docker engine .*docker\.sock/);
    assert.equal(error.statusCode, undefined);
    assert.equal(error.isTransient, true);
    assert.equal(error.cause, refused);
  });

  it('stays what it is', () => {
    const error = new DockerError('x', 500);
    assert.equal(dockerErrorOf('y', error), error);
  });

  it('is known by its status', () => {
    assert.equal(hasStatus(answer(409, 'x'), 404, 409), true);
    assert.equal(hasStatus(answer(500, 'x'), 404, 409), false);
    assert.equal(hasStatus(new Error('x'), 404), false);
  });
});

describe('the error of a pull', () => {
  const final: readonly (readonly [number, string, number])[] = [
    [500, 'Get https://r/v2/: no basic auth credentials', 401],
    [500, 'unauthorized: authentication required', 401],
    [404, 'pull access denied for x, repository does not exist', 401],
    [404, 'manifest for x:y not found: manifest unknown', 404],
    [400, 'invalid reference format', 404],
  ];
  for (const [statusCode, message, expected] of final) {
    it(`is final for "${message}"`, () => {
      const error = pullError('x', answer(statusCode, message));
      assert.equal(error.statusCode, expected);
      assert.equal(error.isTransient, false);
    });
  }

  for (const message of ['net/http: TLS handshake timeout', 'received unexpected HTTP status: 503', 'EOF']) {
    it(`may be gone the next time for "${message}"`, () => {
      assert.equal(pullError('x', answer(500, message)).isTransient, true);
    });
  }
});

describe('an error of creating or starting a container', () => {
  const cases: readonly (readonly [string, number, boolean])[] = [
    ['No command specified', 400, false],
    ['failed to create task for container: OCI runtime create failed: exec: "x": not found', 500, false],
    ['unable to find user nosuchuser: no matching entries in passwd file', 500, false],
    ['failed to create shim task: OCI runtime create failed: fork: resource temporarily unavailable', 500, true],
    ['failed to create shim task: dial unix /run/containerd.sock: connect: connection refused', 500, true],
    ['mkdir /var/lib/docker/overlay2/x: no space left on device', 500, true],
    ['failed to set up container networking: all predefined address pools have been fully subnetted', 500, true],
    ['No such image: sha256:0', 404, true],
    ['Conflict. The container name is in use', 409, true],
  ];
  for (const [message, statusCode, isTransient] of cases) {
    it(`is ${isTransient ? 'the machine’s' : 'the payload’s'} for "${message}"`, () => {
      const error = startError('creating', answer(statusCode, message));
      assert.equal(error.isTransient, isTransient);
      assert.equal(error.message, message);
    });
  }
});

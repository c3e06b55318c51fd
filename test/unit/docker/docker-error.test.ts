import { strict as assert } from 'node:assert';
import { dockerErrorOf, hasStatus } from '../../../src/lib/docker/docker-error.js';
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

import { strict as assert } from 'node:assert';
import { ContainerGoneError, DockerError, EngineLostError } from '../../../src/lib/docker/engine.js';
import { ServiceError, isErrorOf, isRetryable, retryableStatus } from '../../../src/lib/outcome/service-error.js';
import { ArtifactStoreError } from '../../../src/lib/queue/artifact-store-error.js';

describe('an error of a service', () => {
  it('is retryable unless the service refused the request itself', () => {
    for (const status of [undefined, 200, 302, 408, 425, 429, 500, 503, 599])
      assert.ok(retryableStatus(status), `${status}`);
    for (const status of [400, 401, 403, 404, 409, 412, 422, 499]) assert.ok(!retryableStatus(status), `${status}`);
  });

  it('with a 401 is retryable for Taskcluster alone, whose credentials are renewed', () => {
    assert.ok(isRetryable(new ServiceError('taskcluster', 'no', 401)));
    assert.ok(!isRetryable(new ServiceError('download', 'no', 401)));
  });

  it('is what its maker says, whatever the status', () => {
    assert.ok(!isRetryable(new ServiceError('download', 'no', 302, { retryable: false })));
    assert.ok(isRetryable(new DockerError('no', 400, { retryable: true })));
    assert.ok(isRetryable(new EngineLostError('gone')));
    assert.ok(!isRetryable(new ContainerGoneError()));
  });

  it('is never what our own code did wrong', () => {
    assert.ok(!isRetryable(new TypeError('x is not a function')));
    assert.ok(!isRetryable(Object.assign(new Error('no'), { retryable: true })));
  });

  it('is known by its service and its status', () => {
    const error: unknown = new ServiceError('taskcluster', 'no', 409);
    assert.ok(isErrorOf(error, 'taskcluster') && isErrorOf(error, 'taskcluster', 404, 409));
    assert.ok(!isErrorOf(error, 'taskcluster', 404) && !isErrorOf(error, 'docker', 409));
    assert.ok(!isErrorOf(new ServiceError('taskcluster', 'no answer'), 'taskcluster', 409));
    assert.ok(!isErrorOf(Object.assign(new Error('no'), { status: 409 }), 'taskcluster', 409));
  });
});

describe('an error of the artifact store', () => {
  const outages = [
    new ArtifactStoreError('no answer'),
    new ArtifactStoreError('slow down', 503),
    new ArtifactStoreError('slow connection', 400, { code: 'RequestTimeout' }),
  ];
  const refusedAddresses = [
    new ArtifactStoreError('expired', 403),
    new ArtifactStoreError('expired', 400, { code: 'ExpiredToken' }),
    new ArtifactStoreError('no address', undefined, { wantsFreshUrl: true }),
  ];

  it('is an outage, wants another address, or is final', () => {
    const seen = (error: ArtifactStoreError): unknown => [error.retryable, error.isOutage, error.wantsFreshUrl];
    for (const error of outages) assert.deepEqual(seen(error), [true, true, false], error.message);
    for (const error of refusedAddresses) assert.deepEqual(seen(error), [true, false, true], error.message);
    assert.deepEqual(seen(new ArtifactStoreError('no', 400)), [false, false, false]);
    assert.deepEqual(seen(new ArtifactStoreError('nothing came', 400, { retryable: true })), [true, false, false]);
  });
});

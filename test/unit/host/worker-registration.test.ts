import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { WorkerRegistration } from '../../../src/lib/host/worker-registration.js';
import { FakeWorkerManager } from '../../fakes/fake-worker-manager.js';
import { ConfigFolder } from '../config/fixture.js';

const WORKER = {
  rootUrl: 'https://tc.example.com',
  workerPoolId: 'proj/ci',
  providerId: 'aws',
  workerGroup: 'us-west-2',
  workerId: 'i-1',
};
const RETRIES = { attempts: 1, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };

describe('WorkerRegistration', () => {
  const folder = new ConfigFolder();
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());

  it('reuses the stored registration, unless its credentials are unusable', async () => {
    const workerManager = new FakeWorkerManager();
    const file = folder.path('registration.json');
    const options = { workerManager, file, retries: RETRIES, onProblem: (problem: string) => assert.fail(problem) };
    const begin = () => WorkerRegistration.begin(options, WORKER, () => Promise.resolve({}));
    await begin();
    await begin();
    assert.equal(workerManager.requests.length, 1);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"clientId":"worker-1"', '"clientId":1'));
    const { access } = await begin();
    assert.equal(workerManager.requests.length, 2);
    assert.equal(access.credentials.clientId, 'worker-2');
  });
});

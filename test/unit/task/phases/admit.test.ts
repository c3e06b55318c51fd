import assert from 'node:assert/strict';
import { bulkLog } from '../../../../src/lib/features/bulk-log.js';
import type { Feature } from '../../../../src/lib/task/feature.js';
import { admitTask, refusedFeatures } from '../../../../src/lib/task/phases/admit.js';
import { TaskError } from '../../../../src/lib/outcome/errors.js';
import { payloadValidator } from '../../../../src/lib/task/validate-payload.js';
import { fakeFeature } from '../../../fakes/fake-feature.js';
import { PAYLOAD, runContext, taskOf } from '../task-fixture.js';

const { signal } = new AbortController();

const FEATURES: readonly Feature[] = [
  fakeFeature({ name: 'localLiveLog', reservedArtifacts: ({ payload }) => [payload.log ?? ''] }),
  { ...fakeFeature({ name: 'privileged' }), refusals: ({ env }) => (env?.['A'] === 'b' ? ['A=b is not for us'] : []) },
  { ...fakeFeature({ name: 'artifacts' }), requiredScopes: () => 'a-scope' },
  fakeFeature({ name: 'dind' }),
  bulkLog,
];

describe('the admission of a task', () => {
  const admission = {
    validatePayload: payloadValidator(undefined),
    features: FEATURES,
    isEnabled: (name: string) => name !== 'dind',
  };
  const refused = async (payload: unknown): Promise<readonly string[]> => {
    const error: unknown = await admitTask(runContext(taskOf(payload)), admission, signal).catch(
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof TaskError, String(error));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'malformed-payload' });
    return error.message.split('\n');
  };

  it('reports schema errors, refused features and reserved names of a payload at once', async () => {
    const lines = await refused({
      ...PAYLOAD,
      bogus: 1,
      env: { A: 'b' },
      log: 'public/log.txt',
      features: { dind: true, timeTravel: true, artifacts: false },
      artifacts: { 'public/log.txt': { type: 'file', path: '' } },
    });
    assert.deepEqual(lines, [
      '`task.payload` format is invalid json schema errors:',
      '[',
      '  "data should NOT have additional properties: \\"bogus\\"",',
      '  "data/features should NOT have additional properties: \\"timeTravel\\"",',
      '  "data/artifacts/public/log.txt/path should not be empty"',
      ']',
      'timeTravel is not part of valid features',
      'dind is not enabled on this worker',
      'A=b is not for us',
      'payload.artifacts uses reserved names: "public/log.txt" is published by the worker itself (localLiveLog). Choose other names.',
    ]);
  });

  it('does not mention the schema when the payload matches it', async () => {
    assert.deepEqual(await refused({ ...PAYLOAD, features: { dind: true } }), ['dind is not enabled on this worker']);
  });

  for (const payload of [null, 'text', 7, [], {}]) {
    it(`refuses a payload that is ${JSON.stringify(payload)}`, async () => {
      assert.match((await refused(payload)).join(), /^`task\.payload` format is invalid/);
    });
  }

  it('leaves a refused task its log in all requested forms', () => {
    const names = (payload: unknown, isEnabled = admission.isEnabled): readonly string[] =>
      refusedFeatures(runContext(taskOf(payload)), { ...admission, isEnabled }).map(({ name }) => name);
    assert.deepEqual(names({ features: { bulkLog: true, artifacts: true } }), ['bulkLog']);
    assert.deepEqual(
      names({ features: { bulkLog: true } }, () => false),
      [],
    );
    for (const payload of [
      null,
      'x',
      7,
      {},
      { features: null },
      { features: 'bulkLog' },
      { features: { bulkLog: 'yes' } },
    ])
      assert.deepEqual(names(payload), []);
  });
});

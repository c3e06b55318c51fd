import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { artifactsFeature } from '../../../../src/lib/features/artifacts/artifacts.js';
import type { Contribution } from '../../../../src/lib/task/feature.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import { ArtifactBench } from '../../../fakes/artifact-bench.js';
import { FakeStoppedContainer } from '../../../fakes/fake-containers.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../../support/adoption.js';
import { file, stored } from './collect.js';

const never = new AbortController().signal;
const ARTIFACTS = {
  'public/v/': { type: 'volume', path: '/v/' },
  'public/file': file('/file'),
  'public/w': { type: 'volume', path: '/w' },
} as const;

describe('the volumes of a run whose worker died', () => {
  let bench: ArtifactBench;
  let resources: ResourceStack;
  let facts: Contribution;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 2 });
    resources = new ResourceStack((what) => assert.fail(`${what} could not be released`));
    facts = await prepareAndDie(feature.attach(bench.task({ artifacts: ARTIFACTS })));
  });
  afterEach(() => bench.stop());

  const feature = artifactsFeature({ skipCompressionExtensions: [], maxFileBytes: 1000 });
  const adopted = (noted = facts) => feature.adopt?.(bench.task({ artifacts: ARTIFACTS }), noted);
  const directories = (): readonly string[] => (facts.binds ?? []).map((bind) => bind.split(':')[0] ?? '');

  it('are published from the same directories, which are deleted with the run', async () => {
    const hooks = adopted();
    assert.deepEqual(await prepareAgain(hooks, resources), facts);
    const [v = assert.fail(), w = assert.fail()] = directories();
    await Promise.all([writeFile(`${v}/one`, '1'), writeFile(`${w}/two`, '2')]);
    await hooks?.collect?.(new FakeStoppedContainer(), never, 'exit');
    assert.deepEqual(stored(bench), ['public/v/one', 'public/w/two']);
    await resources.close();
    assert.deepEqual(await readdir(bench.tempDir), []);
  });

  it('end the run when they are not those of the payload, in the directory of the run', async () => {
    const outside = path.join(bench.tempDir, 'volume-x');
    await mkdir(outside);
    const [v = '', w = ''] = facts.binds ?? [];
    for (const binds of [[], [v], [w, v], [v, `${outside}/volume-y:/w`], [v, `${bench.tempDir}/other:/w`]]) {
      await assertLost(prepareAgain(adopted({ binds }), resources), bench.log, {
        what: 'volume',
        reason: /had none:\//,
      });
    }
    // Those of the payload were taken before the others were found missing.
    await resources.close();
    assert.deepEqual((await readdir(bench.tempDir)).sort(), [path.basename(w.split(':')[0] ?? ''), 'volume-x'].sort());
    await Promise.all([...directories(), outside].map((left) => rm(left, { recursive: true, force: true })));
  });
});

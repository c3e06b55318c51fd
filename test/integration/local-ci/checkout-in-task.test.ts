import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { GitServer } from '../../../src/local-ci/git-server/git-server.js';
import type { JsonObject } from '../../../src/local-ci/model.js';
import { hostDirectories, hostDirectory } from '../../../src/local-ci/payload/host-directories.js';
import { withBind } from '../../../src/local-ci/payload/with-bind.js';
import { withEnvironment } from '../../../src/local-ci/payload/with-environment.js';
import { ScratchRepository } from '../../support/scratch-repository.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const IMAGE = 'docker-worker/test-git:latest';
const NAME = { host: 'github.com', organization: 'o', repository: 'n', remoteUrl: 'git@github.com:o/n.git' };
const MOUNTED = '/builds/src';

describe('the checkout in the container of a task', () => {
  let harness: WorkerHarness;
  let repository: ScratchRepository;
  let temporary = '';
  let commit = '';
  let gateway = '';
  const bound = new Set<string>();
  before(async () => {
    const bridge = await new Docker().getNetwork('bridge').inspect();
    const { Gateway, Subnet = '' } = bridge.IPAM?.Config?.[0] ?? {};
    // Old engines do not tell the gateway that they have chosen.
    gateway = Gateway ?? Subnet.replace(/\d+\/\d+$/, '1');
    repository = await ScratchRepository.create({ 'script.sh': 'echo committed\n' });
    await repository.write('script.sh', 'echo "not committed"\n');
    commit = await repository.git('stash', 'create');
    temporary = await mkdtemp(join(tmpdir(), 'checkout-in-task-'));
    const of = (taskId: string) => (bound.has(taskId) ? [hostDirectory(repository.directory, MOUNTED)] : []);
    harness = await WorkerHarness.start({ features: [hostDirectories(of)] });
  });
  after(async () => {
    await harness.close();
    await repository.remove();
    await rm(temporary, { recursive: true });
  });

  const payloadOf = ({ payload }: JsonObject): object => payload as object;
  const serve = async () => {
    const checkout = { ...NAME, directory: repository.directory, commit };
    const options = { checkout, host: gateway, directory: temporary, env: process.env };
    return await GitServer.start(options, new AbortController().signal);
  };

  it('is what is cloned, with its uncommitted changes, whatever configuration for git the task has', async () => {
    const server = await serve();
    const own = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_VALUE_0: 'Grace' };
    const script = [
      'git clone --quiet https://github.com/o/n.git a && cd a && git checkout --quiet "$COMMIT" && sh ./script.sh',
      'git config user.name',
      'git clone --quiet --depth=1 https://github.com/o/n ../b && sh ../b/script.sh',
      'git init --quiet ../c && cd ../c && git fetch --quiet git@github.com:o/n.git "$COMMIT" && git show FETCH_HEAD:script.sh',
      '! git push --quiet https://github.com/o/n.git FETCH_HEAD:refs/heads/x',
    ].join(' && ');
    const env = { COMMIT: commit, ...own };
    const definition = withEnvironment({ payload: { image: IMAGE, env, ...shell(script) } }, server.environment);
    const { run, log } = await harness.run(payloadOf(definition));
    await server.close();
    assert.equal(run.state, 'completed', log);
    assert.match(log, /\nnot committed\r?\nGrace\r?\nnot committed\r?\necho "not committed"\r?\n/);
    assert.match(log, /nothing can be pushed|403/);
  });

  it('is there itself for the task that has it mounted, and for no other', async () => {
    const script = `cd ${MOUNTED} && sh script.sh && git log -1 --format=%s && echo made >made`;
    const definition = withBind({ payload: { image: IMAGE, ...shell(script) } }, MOUNTED);
    const taskId = await harness.create({ command: ['true'] });
    await harness.finish(taskId);
    const chosen = 'fRWeAYyFTv66bvy2SXul1w';
    bound.add(chosen);
    const { run, log } = await harness.finish(await harness.create(payloadOf(definition), {}, chosen));
    assert.equal(run.state, 'completed', log);
    assert.match(log, /\nnot committed\r?\nthe first\r?\n/);
    assert.equal(await readFile(join(repository.directory, 'made'), 'utf8'), 'made\n');
    const other = await harness.run({ image: IMAGE, ...shell(`test ! -e ${MOUNTED}`) });
    assert.equal(other.run.state, 'completed', other.log);
  });
});

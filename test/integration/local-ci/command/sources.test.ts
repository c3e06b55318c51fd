import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import { findContainerHost } from '../../../../src/local-ci/graph/container-host.js';
import { LocalTaskcluster } from '../../../../src/local-taskcluster/server.js';
import { CiCheckout, ciFile, ciTask } from '../../../support/ci-checkout.js';
import { publishedTask } from '../../../support/published-task.js';
import { skipBecause } from '../../../support/skip-because.js';
import { TEST_IMAGE } from '../../../support/test-task.js';

const IMAGE_PATH = 'public/image.tar';
const GIT_IMAGE = 'docker-worker/test-git:latest';
/** What reads, and changes nothing. */
const READING =
  /^(?:queue\.(?:task|tasks|status|statuses|get\w+|list\w+|artifact\w*|latest\w+)|index\.find\w+|objects\.GET)$/;

describe('local-ci, where tasks have things from', () => {
  const docker = new Docker();
  let ci: CiCheckout;
  let host: string;
  before(async function () {
    const { address, isReachable } = await findContainerHost(process.env, undefined);
    if (!isReachable) skipBecause(this, "Docker's bridge has no address on this machine");
    host = address;
  });
  afterEach(() => ci.remove());

  describe('the repository', () => {
    before(async function () {
      const found = await docker
        .getImage(GIT_IMAGE)
        .inspect()
        .catch(() => undefined);
      if (!found) skipBecause(this, `${GIT_IMAGE} is not built`);
    });

    it('is the checkout, with uncommitted changes or as committed', async () => {
      const script =
        'git clone -q "$URL" r && cd r && git checkout -q "$COMMIT" && ./script && echo "$PAGE" && git config remote.origin.url';
      const env = {
        URL: '${event.repository.clone_url}',
        PAGE: '${event.repository.html_url}',
        COMMIT: '${event.after}',
      };
      const task = ciTask('t', script, {}, { image: GIT_IMAGE, env });
      ci = await CiCheckout.create({ '.taskcluster.yml': ciFile([task]), script: '#!/bin/sh\necho committed\n' });
      await promisify(execFile)('chmod', ['+x', join(ci.directory, 'script')]);
      await ci.checkout.commit('executable');
      await ci.checkout.write('script', '#!/bin/sh\necho changed\n');
      const dirty = await ci.run([]);
      assert.equal(dirty.code, 0, dirty.stdout + dirty.stderr);
      assert.match(dirty.stdout, /\nchanged\r?\nhttps:\/\/github\.com\/o\/n\r?\nhttps:\/\/github\.com\/o\/n\.git\r?\n/);
      assert.match(dirty.stderr, /Uncommitted changes run too, of 1 tracked file \(script\)/);
      const head = await ci.run(['--head']);
      assert.match(head.stdout, /\ncommitted\r?\n/);
    });
  });

  describe('another deployment', () => {
    let upstream: LocalTaskcluster;
    let taskId: string;
    before(async () => {
      upstream = await LocalTaskcluster.start({ host });
      const { rootUrl, credentials } = upstream;
      const image = await buffer(await docker.getImage(TEST_IMAGE).get());
      taskId = await publishedTask(new clients.Queue({ rootUrl, credentials }), {
        [IMAGE_PATH]: { content: image },
        'public/file': { content: Buffer.from('published there\n') },
        'private/file': { content: Buffer.from('private there\n') },
      });
      const expires = new Date(Date.now() + 3_600_000).toJSON();
      await new clients.Index({ rootUrl, credentials }).insertTask('images.of.test', {
        taskId,
        rank: 0,
        data: {},
        expires,
      });
    });
    after(async () => {
      await upstream.close();
      // What the worker calls the image.
      const name = createHash('md5').update(`${taskId}${IMAGE_PATH}`).digest('hex');
      await docker.getImage(`${name}:latest`).remove();
    });

    const withTask = async (script: string, payload: object = {}): Promise<void> => {
      const env = { THERE: taskId };
      const scopes = ['queue:get-artifact:private/*'];
      const proxy = { features: { taskclusterProxy: true } };
      const task = ciTask('t', script, { scopes, dependencies: [taskId] }, { env, ...proxy, ...payload });
      ci = await CiCheckout.create({ '.taskcluster.yml': ciFile([task]) });
    };

    it('has images, tasks and artifacts, and is only read', async () => {
      const address = '$TASKCLUSTER_PROXY_URL/api/queue/v1/task/$THERE/artifacts/public/file';
      const image = { type: 'indexed-image', namespace: 'images.of.test', path: IMAGE_PATH };
      await withTask(`wget -q -O - "${address}"`, { image });
      upstream.calls.clear();
      const { code, stdout, stderr } = await ci.run(['--upstream', upstream.rootUrl]);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /\npublished there\r?\n/);
      const calls = upstream.calls.list().map(({ call }) => call);
      assert.deepEqual(
        calls.filter((call) => !READING.test(call)),
        [],
      );
      assert.ok(calls.includes('objects.GET'));
    });

    it('keeps what is private from whoever has no credentials', async () => {
      await withTask('wget -q -O - "$TASKCLUSTER_PROXY_URL/api/queue/v1/task/$THERE/artifacts/private/file"');
      const without = await ci.run(['--upstream', upstream.rootUrl]);
      assert.equal(without.code, 1, without.stderr);
      const { clientId, accessToken } = upstream.credentials;
      const env = { TASKCLUSTER_CLIENT_ID: clientId, TASKCLUSTER_ACCESS_TOKEN: accessToken };
      const withThem = await ci.run(['--upstream', upstream.rootUrl], env);
      assert.equal(withThem.code, 0, withThem.stdout + withThem.stderr);
      assert.match(withThem.stdout, /\nprivate there\r?\n/);
      assert.ok(!(withThem.stdout + withThem.stderr).includes(accessToken));
      await ci.checkout.commit('file', { '.local-circ': `upstream ${upstream.rootUrl}` });
      const byRepository = await ci.run([], env);
      assert.equal(byRepository.code, 1);
      assert.match(byRepository.stderr, /is asked without your credentials, because \.local-circ names it/);
    });

    it('is not there offline, and what is missing is named', async () => {
      await withTask('true');
      const { code, stderr } = await ci.run(['--upstream', upstream.rootUrl, '--offline']);
      assert.equal(code, 2);
      assert.ok(stderr.includes(taskId), stderr);
    });

    it('need not have what a task names', async () => {
      await withTask('true');
      await ci.checkout.commit('another', {
        '.taskcluster.yml': ciFile([ciTask('t', 'true', { dependencies: [newSlugid()] })]),
      });
      assert.equal((await ci.run(['--upstream', upstream.rootUrl])).code, 2);
    });
  });
});

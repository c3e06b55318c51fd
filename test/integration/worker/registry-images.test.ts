import assert from 'node:assert/strict';
import { DockerRegistry, LOGIN } from '../../support/docker-registry.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { FinishedTask } from '../../support/worker-harness.js';

const SETTINGS = { capacity: 8, dockerConfig: { maxAttempts: 3, delayFactor: 10 } };

describe('images of a real registry', () => {
  describe('that is public', () => {
    let harness: WorkerHarness;
    let registry: DockerRegistry;
    let name: string;
    let digest: string;

    before(async () => {
      harness = await WorkerHarness.start({ settings: SETTINGS });
      registry = await DockerRegistry.start({ isPrivate: false });
      name = `${registry.host}/us/app`;
      digest = await registry.publish(harness.docker, 'us/app', 'v1');
    });
    afterEach(() => {
      registry.interfere = () => false;
      registry.requests.splice(0);
    });
    after(async () => {
      await harness.close();
      await registry.close();
    });

    it('are pulled by tag, with a report of the download, and by digest', async () => {
      const byTag = await harness.run({ image: `${name}:v1`, ...shell('echo in the image') });
      assert.equal(byTag.run.state, 'completed', byTag.log);
      assert.match(byTag.log, /Pulled image ".*:v1" in [\d.]+ s \([\d.]+ MB downloaded\)\./);
      assert.match(byTag.log, /: Pull complete/);
      await harness.removeImage(`${name}:v1`);
      for (const image of [`${name}@${digest}`, `${name}:v1@${digest}`]) {
        const { run, log } = await harness.run({ image, ...shell('echo in the image') });
        assert.equal(run.state, 'completed', log);
      }
      await harness.removeImage(`${name}@${digest}`);
      const blobs = registry.asked(/^GET .*blobs/);
      // The layer and the configuration, once by tag and once by digest.
      assert.equal(blobs.length, 4, blobs.join('\n'));
    });

    it('are pulled once for eight tasks at once, one of which is canceled', async () => {
      let release = (): void => undefined;
      const isReleased = new Promise<void>((resolve) => (release = resolve));
      const held = new Set<string>();
      registry.interfere = (request, response) => {
        if (!request.url?.includes('/manifests/') || held.size > 0) return false;
        held.add(request.url);
        void isReleased.then(() => response.writeHead(307, { location: request.url }).end());
        return true;
      };
      const payload = { image: `${name}:v1`, ...shell('echo in the image') };
      const first = await harness.create(payload);
      await harness.sees(first, 'Pulling image');
      const others = await Promise.all(Array.from({ length: 7 }, () => harness.create(payload)));
      await Promise.all(others.map((taskId) => harness.sees(taskId, 'Another task is already fetching the image')));
      await harness.queue.cancelTask(first);
      assert.equal((await harness.finish(first)).run.reasonResolved, 'canceled');
      release();
      for (const taskId of others) {
        const { run, log } = await harness.finish(taskId);
        assert.equal(run.state, 'completed', log);
      }
      const blobs = registry.asked(/^GET .*blobs/);
      assert.equal(blobs.length, 2, blobs.join('\n'));
      await harness.removeImage(`${name}:v1`);
    });

    it('are requested once if the tag does not exist', async () => {
      const { run, log } = await harness.run({ image: `${name}:nothing` });
      assert.equal(run.state, 'failed');
      assert.match(log, /manifest.*unknown.*1 attempt\)\. Check the name of the image/s);
    });

    it('are retried when it answers 500, and fail the task after all attempts', async () => {
      let failures = 0;
      registry.interfere = (request, response) => {
        if (!request.url?.includes('/manifests/')) return false;
        failures += 1;
        response.writeHead(500).end();
        return true;
      };
      const { run, log } = await harness.run({ image: `${name}:v1` }, { retries: 0 });
      assert.equal(run.state, 'failed', log);
      assert.match(log, /3 attempts\)\. The registry .* is in trouble/);
      assert.ok(failures >= 3);
    });
  });

  describe('that is down', () => {
    const runWith = async (host: string, dockerConfig: object): Promise<FinishedTask> => {
      const settings = { ...SETTINGS, dockerConfig: { ...SETTINGS.dockerConfig, ...dockerConfig } };
      const harness = await WorkerHarness.start({ settings });
      try {
        return await harness.run({ image: `${host}/us/app` });
      } finally {
        await harness.close();
      }
    };
    // No server of another test takes this port, unlike one that was free a moment ago.
    const host = '127.0.0.1:1';

    it('are retried, and cause an internal-error after all attempts if the operator configured it', async () => {
      const { run, log } = await runWith(host, { defaultRegistry: host });
      assert.deepEqual([run.state, run.reasonResolved], ['exception', 'internal-error'], log);
      assert.match(log, /refused.*3 attempts\)/);
    });

    it('fail the task after all attempts if only the payload names it', async () => {
      const { run, log } = await runWith(host, {});
      assert.equal(run.state, 'failed', log);
      assert.match(log, /refused.*3 attempts\)\. The registry .* is in trouble, .* Check its name/);
    });
  });

  describe('that requires a password', () => {
    let registry: DockerRegistry;
    let image: string;

    const withLogin = async (password: string, test: (harness: WorkerHarness) => Promise<void>): Promise<void> => {
      const registries = { [`${registry.host}/us`]: { ...LOGIN, password } };
      const harness = await WorkerHarness.start({ settings: { ...SETTINGS, registries } });
      try {
        await test(harness);
        const told = JSON.stringify(harness.log.records);
        assert.ok(!told.includes(password), 'the worker’s log has the password');
      } finally {
        await harness.close();
      }
    };

    before(async () => {
      registry = await DockerRegistry.start({ isPrivate: true });
      image = `${registry.host}/us/app:v1`;
      const harness = await WorkerHarness.start({ settings: SETTINGS });
      await registry.publish(harness.docker, 'us/app', 'v1');
      await harness.close();
    });
    after(() => registry.close());

    it('require a scope, even when they are on the machine', async () => {
      await withLogin(LOGIN.password, async (harness) => {
        const without = await harness.run({ image });
        assert.equal(without.run.state, 'failed');
        assert.ok(without.log.includes(`the task lacks the scope docker-worker:image:${image}`), without.log);
        const withScope = await harness.run({ image }, { scopes: [`docker-worker:image:${registry.host}/us/*`] });
        assert.equal(withScope.run.state, 'completed', withScope.log);
        assert.ok(!withScope.log.includes(LOGIN.password));
        const { Id } = await harness.docker.getImage(image).inspect();
        for (const name of [image, Id]) {
          const { run } = await harness.run({ image: name });
          assert.equal(run.state, 'failed', name);
        }
        await harness.removeImage(image);
      });
    });

    it('are requested once if the worker’s password is wrong, and the operator is told', async () => {
      await withLogin('another-password', async (harness) => {
        const { run, log } = await harness.run({ image }, { scopes: ['docker-worker:image:*'] });
        assert.equal(run.state, 'failed', log);
        assert.match(log, /1 attempt\)\. .*credentials that the worker has for .*tell the operators/);
        assert.equal(harness.log.of('registry refuses credentials').length, 1);
      });
    });

    it('fail the task if the worker has no password', async () => {
      const harness = await WorkerHarness.start({ settings: SETTINGS });
      try {
        const { run, log } = await harness.run({ image });
        assert.equal(run.state, 'failed', log);
        assert.match(log, /no basic auth credentials.*1 attempt\)\. Check the name/);
      } finally {
        await harness.close();
      }
    });
  });
});

import { strict as assert } from 'node:assert';
import { DockerError } from '../../src/lib/docker/engine.js';
import type { DockerEngine, ExecSession, ExecSpec, RunningContainer } from '../../src/lib/docker/engine.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { COMMANDS, ENGINES, EXECS, IMAGE } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `exec-contract-${process.pid}` };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a process started in a container of a Docker engine: ${name}`, () => {
    const { signal } = new AbortController();
    let engine: DockerEngine;
    let container: RunningContainer;

    before(async () => {
      ({ engine } = makeEngine());
      const imageId = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing`);
      const env = { NAME: 'a value' };
      const spec = minimalSpec(imageId, COMMANDS.forEver, { labels: LABELS, env });
      container = await (await engine.createContainer(spec)).start();
    });
    after(async () => {
      for (const { id } of await engine.findContainers(LABELS, signal)) await engine.removeContainer(id);
    });

    const exec = (command: keyof typeof EXECS, spec: Partial<ExecSpec> = {}): Promise<ExecSession> =>
      container.exec({ command: EXECS[command], tty: false, ...spec }, signal);

    /** The whole output by stream, and the exit code. */
    const ended = async (session: ExecSession) => {
      const printed = { stdout: '', stderr: '' };
      for await (const { from, data } of session.output) printed[from] += data.toString();
      return { ...printed, code: await session.exitCode(signal) };
    };

    it('returns its output by stream and its exit code', async () => {
      assert.deepEqual(await ended(await exec('both')), { stdout: 'out\n', stderr: 'err\n', code: 3 });
    });

    it('prints on one stream when it has a terminal', async () => {
      const { stdout, stderr, code } = await ended(await exec('both', { tty: true }));
      assert.deepEqual([stdout, stderr, code], ['out\r\nerr\r\n', '', 3]);
    });

    it("has the container's variables, its own, and the requested user", async () => {
      const { stdout } = await ended(await exec('whoami', { env: { FROM_SPEC: 'more' }, user: '1000' }));
      assert.equal(stdout, '1000 a value more\n');
    });

    it('reads its input to the end', async () => {
      const session = await exec('cat');
      session.stdin.end('all of it');
      assert.deepEqual(await ended(session), { stdout: 'all of it', stderr: '', code: 0 });
    });

    it('passes megabytes in both directions without loss', async () => {
      const session = await exec('cat');
      const sent = Buffer.from(Uint32Array.from({ length: 1_000_000 }, (_, index) => index).buffer);
      session.stdin.end(sent);
      const parts: Buffer[] = [];
      for await (const { data } of session.output) parts.push(data);
      assert.ok(Buffer.concat(parts).equals(sent));
    });

    it('waits when its output is not read', async () => {
      const session = await exec('cat');
      const chunk = Buffer.alloc(1024 * 1024);
      let isTaken = true;
      for (let megabytes = 0; isTaken && megabytes < 100; megabytes++) {
        const taken = new Promise<boolean>((resolve) => {
          session.stdin.write(chunk, () => {
            resolve(true);
          });
        });
        const late = new Promise<boolean>((resolve) => setTimeout(resolve, 1000, false).unref());
        isTaken = await Promise.race([taken, late]);
      }
      assert.equal(isTaken, false, 'it took all of 100 MiB');
      session.close();
    });

    it('accepts a resize from the start', async () => {
      const session = await exec('size', { tty: true });
      await session.resize(45, 123);
      const { stdout, code } = await ended(session);
      assert.deepEqual([stdout, code], ['it is 45 by 123\r\n', 0]);
      await session.resize(1, 2);
    });

    it('ignores input after its end', async () => {
      const session = await exec('both');
      await ended(session);
      session.stdin.end('too late');
      session.close();
    });

    it('is refused by a container that has ended', async () => {
      const { image } = { image: (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail() };
      const other = await (
        await engine.createContainer(minimalSpec(image, COMMANDS.print, { labels: LABELS }))
      ).start();
      await other.wait(signal);
      const refused = other.exec({ command: EXECS.cat, tty: false }, signal);
      await assert.rejects(refused, (error) => error instanceof DockerError && error.status === 409);
    });
  });
}

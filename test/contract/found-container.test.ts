import { strict as assert } from 'node:assert';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ContainerGoneError } from '../../src/lib/docker/engine.js';
import type {
  ContainerSpec,
  CreatedContainer,
  DockerEngine,
  FoundContainer,
  Labels,
} from '../../src/lib/docker/engine.js';
import { discarding } from '../support/discarding.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { entriesOf } from '../support/tar-entries.js';
import { until } from '../support/until.js';
import { COMMANDS, ENGINES, EXECS, IMAGE } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `found-contract-${process.pid}`, kind: 'a' };
/** Keeps everything: with a second file or a limit that is reached, lines in the middle would be lost. */
const LOG_DRIVER = { type: 'local', options: { 'max-size': '1t', 'max-file': '1', compress: 'false' } };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a found container: ${name}`, () => {
    let engine: DockerEngine;
    let imageId: string;
    const { signal } = new AbortController();

    // The fake's programs are used once.
    beforeEach(async () => {
      ({ engine } = makeEngine());
      imageId = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing: run ./build.sh`);
    });
    afterEach(async () => {
      for (const { id } of await engine.findContainers(LABELS, signal)) await engine.removeContainer(id);
    });

    const create = (
      command: keyof typeof COMMANDS,
      changes: Partial<ContainerSpec> = {},
    ): Promise<CreatedContainer> => {
      const spec = { labels: LABELS, logDriver: LOG_DRIVER, ...changes };
      return engine.createContainer(minimalSpec(imageId, COMMANDS[command], spec));
    };
    const start = async (command: keyof typeof COMMANDS): Promise<string> => {
      const { id } = await (await create(command)).start();
      return id;
    };
    const runToEnd = async (command: keyof typeof COMMANDS): Promise<string> => {
      const running = await (await create(command)).start();
      await running.wait(signal);
      return running.id;
    };
    const find = async (id: string, labels: Labels = LABELS): Promise<FoundContainer> =>
      (await engine.findContainer(id, labels, signal)) ?? assert.fail('it is not found');
    const adoptAndWait = async ({ running }: FoundContainer): Promise<void> => {
      const exec = await running.exec({ command: EXECS.go, tty: false }, signal);
      for await (const { data } of exec.output) assert.fail(data.toString());
    };

    /** Begins to read; `bytes` are what it has read. */
    const read = async (found: FoundContainer, follow: boolean, before?: Promise<void>) => {
      const chunks: Buffer[] = [];
      const consume = async (printed: Readable): Promise<void> => {
        await before;
        for await (const chunk of printed as AsyncIterable<Buffer>) chunks.push(chunk);
      };
      const { drained } = await found.readOutput(consume, { follow }, signal);
      return { bytes: () => Buffer.concat(chunks), drained };
    };
    const printed = async (found: FoundContainer): Promise<Buffer> => {
      const { bytes, drained } = await read(found, false);
      await drained;
      return bytes();
    };

    it('is created before its start', async () => {
      const { id } = await create('print');
      const found = await find(id);
      assert.deepEqual([found.id, found.state, found.startedAt], [id, 'created', undefined]);
    });

    it('is running after its start, which has a time', async () => {
      const found = await find(await start('forEver'));
      assert.equal(found.state, 'running');
      const ageMs = Date.now() - (found.startedAt?.getTime() ?? assert.fail('it was started'));
      assert.ok(Math.abs(ageMs) < 60_000, `${ageMs}`);
      const ended = found.running.wait(signal);
      await found.running.kill();
      assert.equal((await ended).exitCode, 137);
    });

    it('has ended, and is waited for in no time', async () => {
      const found = await find(await runToEnd('fail'));
      assert.equal(found.state, 'ended');
      const { exitCode, oomKilled } = await found.running.wait(signal);
      assert.deepEqual([exitCode, oomKilled], [3, false]);
    });

    it('has its files once its end is known', async () => {
      const stopped = (await find(await runToEnd('files'))).ended(0, false);
      assert.deepEqual([stopped.exitCode, stopped.oomKilled], [0, false]);
      const archive = (await stopped.getArchive('/out/one', signal)) ?? assert.fail('it is missing');
      assert.deepEqual(await entriesOf(archive), { one: 'one' });
      await engine.removeContainer(stopped.id);
      await assert.rejects(stopped.getArchive('/out/one', signal), ContainerGoneError);
    });

    it('is not found without one of the labels, or with another value', async () => {
      const { id } = await create('print');
      assert.equal((await find(id, { kind: 'a' })).id, id);
      for (const other of [
        { ...LABELS, more: 'x' },
        { ...LABELS, kind: 'b' },
      ]) {
        assert.equal(await engine.findContainer(id, other, signal), undefined);
      }
    });

    it('is not found after its removal', async () => {
      const { id } = await create('print');
      await engine.removeContainer(id);
      assert.equal(await engine.findContainer(id, LABELS, signal), undefined);
    });

    it('has all its output after its end, byte for byte', async () => {
      const created = await create('bytes');
      let attached = Buffer.alloc(0);
      const { drained } = await created.attach(async (output) => {
        attached = await buffer(output);
      }, signal);
      await (await created.start()).wait(signal);
      await drained;
      const output = await printed(await find(created.id));
      assert.ok(output.length > 1_000_000, `${output.length}`);
      assert.ok(output.equals(attached));
    });

    it('has its output from the first byte, and to the last when followed', async () => {
      const found = await find(await start('inParts'));
      const { bytes, drained } = await read(found, true);
      await until('the first line', () => bytes().toString() === 'one\r\n');
      assert.equal((await printed(found)).toString(), 'one\r\n');
      await adoptAndWait(found);
      assert.equal((await found.running.wait(signal)).exitCode, 4);
      await drained;
      // What was followed may lack the end.
      assert.ok('one\r\ntwo\r\nend'.startsWith(bytes().toString()), bytes().toString());
      assert.equal((await printed(found)).toString(), 'one\r\ntwo\r\nend');
    });

    it('loses nothing while its output is not read', async () => {
      const all = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join('');
      // It runs until everything was followed: what is followed beyond its end may lack that.
      const found = await find(await start('manyThenWait'));
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { bytes, drained } = await read(found, true, released);
      await until('the engine has it all', async () => (await printed(found)).toString() === all);
      assert.equal(bytes().length, 0);
      release();
      await until('it was followed', () => bytes().length >= all.length);
      await adoptAndWait(found);
      await found.running.wait(signal);
      await drained;
      assert.equal(bytes().toString(), all);
      assert.equal((await printed(found)).toString(), all);
    });

    it('stops reading its output with the signal’s reason', async () => {
      const controller = new AbortController();
      const found = await find(await start('forEver'));
      const { drained } = await found.readOutput(discarding, { follow: true }, controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(drained, (error) => error === reason);
    });

    it('has no output without a log driver that keeps it', async () => {
      const running = await (await create('print', { logDriver: { type: 'none', options: {} } })).start();
      await running.wait(signal);
      await assert.rejects(printed(await find(running.id)), /does not support reading/);
    });

    it('can be attached to again, from now on', async () => {
      const found = await find(await start('inParts'));
      await until('the first line', async () => (await printed(found)).length > 0);
      const controller = new AbortController();
      let output = '';
      const { drained } = await found.attach(async (chunks) => {
        for await (const chunk of chunks as AsyncIterable<Buffer>) output += chunk.toString();
      }, controller.signal);
      await adoptAndWait(found);
      await found.running.wait(signal);
      await drained;
      assert.equal(output, 'two\r\nend');
    });

    it('was seen to end, by itself or killed by the worker', async () => {
      assert.equal(await (await find(await runToEnd('fail'))).lookUpEnd(signal), 'seen');
      const killed = await find(await start('forEver'));
      const ended = killed.running.wait(signal);
      await killed.running.kill();
      await ended;
      assert.equal(await killed.lookUpEnd(signal), 'seen');
    });
  });
}

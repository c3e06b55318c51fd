import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeeperError, OutputKeeper, endKeeper, endKeepersBelow } from '../../../src/lib/docker/output-keeper.js';
import { identityOf, isRunning } from '../../../src/lib/util/process-identity.js';
import { until } from '../../support/until.js';

const MiB = 1024 * 1024;

describe('a process that keeps the output', () => {
  const { signal } = new AbortController();
  let root: string;
  let path: string;
  let server: Server;
  /** The engine's side of the connection. */
  let engine: Socket;
  let connection: Socket;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'output-keeper-'));
    path = join(root, 'output');
    server = createServer({ pauseOnConnect: false });
    server.listen(join(root, 'socket'));
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    connection = connect(join(root, 'socket'));
    await once(connection, 'connect');
    [engine] = await accepted;
    engine.on('error', () => undefined);
  });
  afterEach(async () => {
    engine.destroy();
    server.close();
    await rm(root, { recursive: true });
  });

  const collect = async (output: AsyncIterable<Buffer>): Promise<string> => {
    let text = '';
    for await (const chunk of output) text += chunk.toString('latin1');
    return text;
  };
  const kept = async (bytes: number): Promise<void> => {
    await until(`${bytes} bytes are kept`, async () => (await stat(path)).size === bytes);
  };

  it('passes on everything in order, and says that it is complete', async () => {
    const keeper = await OutputKeeper.start(connection, { path });
    const text = collect(keeper.follow(signal));
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
    for (const line of lines) engine.write(line);
    engine.end();
    assert.equal(await text, lines.join(''));
    await keeper.assertEndedWell();
    await keeper.assertComplete(new Date());
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('tells of output soon after it was quiet', async () => {
    const keeper = await OutputKeeper.start(connection, { path });
    const chunks = keeper.follow(signal);
    for (const text of ['one', 'two', 'three']) {
      const next = chunks.next();
      engine.write(text);
      assert.equal(String((await next).value), text);
    }
    engine.end();
    assert.equal((await chunks.next()).done, true);
  });

  it('goes on without a reader, for another one', async () => {
    const { process: facts } = await OutputKeeper.start(connection, { path });
    engine.write('one\n');
    await kept(4);
    const adopted = OutputKeeper.adopt({ path }, facts, signal);
    const text = collect(adopted.follow(signal));
    engine.end('two\n');
    assert.equal(await text, 'one\ntwo\n');
    assert.equal(await collect(OutputKeeper.adopt({ path }, facts, signal).soFar()), 'one\ntwo\n');
    await adopted.assertComplete(new Date());
  });

  it('is not complete if it was killed', async () => {
    const keeper = await OutputKeeper.start(connection, { path });
    engine.write('one\n');
    await kept(4);
    await endKeeper(keeper.process);
    assert.equal(await collect(keeper.follow(signal)), 'one\n');
    await assert.rejects(keeper.assertEndedWell(), KeeperError);
    const adopted = OutputKeeper.adopt({ path }, keeper.process, signal);
    await adopted.ended;
    await assert.rejects(adopted.assertComplete(new Date()), KeeperError);
  });

  it('is not complete if it ended long before the container: the engine was restarted', async () => {
    const keeper = await OutputKeeper.start(connection, { path });
    engine.end('one\n');
    await keeper.ended;
    const early = new Date(Date.now() - 60_000);
    await utimes(`${path}.end`, early, early);
    await assert.rejects(keeper.assertComplete(new Date()), KeeperError);
  });

  it('is not taken for another process with its id', async () => {
    await writeFile(path, 'one\n');
    const other = { ...(await identityOf('self')), startTicks: '1' };
    const adopted = OutputKeeper.adopt({ path }, other, signal);
    assert.equal(await collect(adopted.follow(signal)), 'one\n');
    await assert.rejects(adopted.assertEndedWell(), KeeperError);
  });

  it('is ended with the directory that it writes into, and no other is', async () => {
    const keeper = await OutputKeeper.start(connection, { path });
    await endKeepersBelow(join(root, 'other'));
    assert.equal(await isRunning(keeper.process), true);
    await endKeepersBelow(root);
    await keeper.ended;
    assert.equal(await isRunning(keeper.process), false);
  });

  it('stops somewhere beyond the limit', async () => {
    const keeper = await OutputKeeper.start(connection, { path, maxBytes: MiB });
    const chunk = Buffer.alloc(MiB, 'x');
    let sent = 0;
    const send = (): void => {
      while (engine.writable && sent < 64) {
        sent += 1;
        if (!engine.write(chunk)) return void engine.once('drain', send);
      }
    };
    send();
    await keeper.ended;
    const { size } = await stat(path);
    assert.ok(size > MiB && size < 40 * MiB, String(size));
    await assert.rejects(keeper.assertEndedWell(), KeeperError);
  });

  it('is not started for a file that cannot be written', async () => {
    await assert.rejects(OutputKeeper.start(connection, { path: join(root, 'none', 'output') }), KeeperError);
    assert.ok(connection.destroyed);
  });

  it('is no longer followed after the abort', async () => {
    const controller = new AbortController();
    const keeper = await OutputKeeper.start(connection, { path });
    const text = collect(keeper.follow(controller.signal));
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(text, (error) => error === reason);
    engine.end();
    await keeper.ended;
  });

  it('takes special characters of a path as they are', async () => {
    const odd = join(root, 'a b$(touch c);\'"');
    const keeper = await OutputKeeper.start(connection, { path: odd });
    engine.end('one');
    await keeper.ended;
    assert.equal(await readFile(odd, 'utf8'), 'one');
    await assert.rejects(access(join(root, 'c')));
  });
});

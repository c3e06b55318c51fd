import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { DockerError } from '../../../../src/lib/docker/engine.js';
import type { FakeExecProgram } from '../../../fakes/fake-exec.js';
import { ShellBench, message } from './shell-bench.js';

const STDIN = 0;
const STDOUT = 1;
const [RESUME, PAUSE, END, STOPPED, SHUTDOWN, ERROR] = [100, 101, 102, 200, 201, 202] as const;
const MIB = 1024 * 1024;

const echo: FakeExecProgram = async ({ stdin, print }) => {
  for await (const data of stdin as AsyncIterable<Buffer>) await print(data);
  return 0;
};
const never: FakeExecProgram = () => new Promise(() => undefined);

describe('a session', () => {
  let bench: ShellBench;
  const sockets: WebSocket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate();
    await bench.close();
  });

  /** Connects with version 1, and waits until the server is ready unless told not to. */
  const connect = async (query = 'command=x', awaited: number = RESUME): Promise<WebSocket> => {
    const socket = new WebSocket(`${bench.url}?${query}`);
    sockets.push(socket);
    await message(socket, awaited);
    return socket;
  };
  const send = (socket: WebSocket, kind: number, data: Buffer | string = ''): void => {
    socket.send(Buffer.concat([Buffer.of(kind), Buffer.from(data)]));
  };

  it('logs what it was asked to run, and with which protocol', async () => {
    bench = await ShellBench.start(() => 3);
    const socket = await connect('command=one&command=two+words&tty=TRUE', STOPPED);
    await once(socket, 'close');
    await bench.log.next('interactive session closed');
    const [exec] = bench.engine.execs;
    assert.deepEqual(exec?.spec.command.slice(-2), ['one', 'two words']);
    assert.equal(exec.spec.tty, true);
    const [opened, closed] = ['opened', 'closed'].map((what) => bench.log.of(`interactive session ${what}`)[0]?.fields);
    const { remoteAddress, ...facts } = opened ?? assert.fail();
    assert.match(String(remoteAddress), /127\.0\.0\.1/);
    assert.deepEqual(facts, { session: 1, protocol: 'v1', program: 'one', tty: true });
    assert.equal(closed?.['exitCode'], 3);
    assert.equal(exec.isClosed, true);
  });

  it('pauses its client while the process does not read, and resumes it afterwards', async () => {
    let read = (): void => undefined;
    const mayRead = new Promise<void>((resolve) => {
      read = resolve;
    });
    bench = await ShellBench.start(async ({ stdin }) => {
      await mayRead;
      let bytes = 0;
      for await (const data of stdin as AsyncIterable<Buffer>) bytes += data.length;
      return bytes / MIB;
    });
    const socket = await connect();
    const paused = message(socket, PAUSE);
    for (let each = 0; each < 40; each++) send(socket, STDIN, Buffer.alloc(MIB));
    send(socket, END);
    await paused;
    // Data in the system's own buffers arrives first.
    for (let before = -1; before !== socket.bufferedAmount;) {
      before = socket.bufferedAmount;
      for (let turn = 0; turn < 50; turn++) await setImmediate();
    }
    const [exec = assert.fail()] = bench.engine.execs;
    assert.ok(exec.stdin.writableLength < 10 * MIB, `${exec.stdin.writableLength} bytes in memory`);
    assert.ok(socket.bufferedAmount > 10 * MIB, `only ${socket.bufferedAmount} bytes are kept from coming`);
    const [resumed, stopped] = [message(socket, RESUME), message(socket, STOPPED)];
    read();
    await resumed;
    assert.deepEqual(await stopped, Buffer.of(40));
  });

  it('sends its client a resume from time to time, even without a pause', async () => {
    bench = await ShellBench.start(async ({ stdin }) => {
      await once(stdin.resume(), 'end');
      return 0;
    });
    const socket = await connect();
    for (let each = 0; each < 3; each++) {
      const resumed = message(socket, RESUME);
      for (let part = 0; part < 64; part++) send(socket, STDIN, Buffer.alloc(MIB / 64));
      await resumed;
    }
  });

  it('reads from the process no faster than a slow client reads', async () => {
    let printed = 0;
    bench = await ShellBench.start(async ({ print }) => {
      for (; printed < 100; printed++) await print(Buffer.alloc(MIB));
      return 0;
    });
    const socket = await connect();
    socket.pause();
    for (let before = -1; before !== printed;) {
      before = printed;
      for (let turn = 0; turn < 200; turn++) await setImmediate();
    }
    assert.ok(printed < 30, `${printed} MiB are on their way`);
    let received = 0;
    socket.on('message', (data: Buffer) => {
      if (data[0] === STDOUT) received += data.length - 1;
    });
    const stopped = message(socket, STOPPED);
    socket.resume();
    await stopped;
    assert.equal(received, 100 * MIB);
  });

  it('sends nothing while its client has paused it', async () => {
    bench = await ShellBench.start(echo);
    const socket = await connect();
    send(socket, PAUSE);
    send(socket, STDIN, 'later');
    let isResumed = false;
    const output = message(socket, STDOUT).then((data) => {
      assert.ok(isResumed);
      return data.toString();
    });
    // Answers come in order: the output would have come first.
    const error = message(socket, ERROR);
    send(socket, 50, Buffer.alloc(4));
    await error;
    isResumed = true;
    send(socket, RESUME);
    assert.equal(await output, 'later');
  });

  it('continues with a client whose resume is stuck behind its own input', async () => {
    bench = await ShellBench.start(echo);
    const socket = await connect();
    let received = 0;
    const all = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (data[0] === STDOUT) received += data.length - 1;
        if (received === 20 * MIB) resolve();
      });
    });
    send(socket, PAUSE);
    for (let each = 0; each < 20; each++) send(socket, STDIN, Buffer.alloc(MIB));
    send(socket, RESUME);
    await all;
  });

  it('is killed when its client leaves, with a retry if the engine fails', async () => {
    bench = await ShellBench.start(never);
    const socket = await connect();
    const failed = new DockerError('not now', undefined);
    bench.engine.fail('exec', failed, failed);
    socket.terminate();
    const { fields } = await bench.log.next('interactive session closed');
    assert.deepEqual([fields['isAbandoned'], fields['exitCode'], bench.kills], [true, undefined, 1]);
  });

  it('is reported when it can’t be killed', async () => {
    bench = await ShellBench.start(never);
    const socket = await connect();
    const failed = new DockerError('not now', undefined);
    bench.engine.fail('exec', failed, failed, failed);
    socket.terminate();
    await bench.log.next('interactive session not ended');
    await bench.log.next('interactive session closed');
  });

  it('ends with the run, and tells its client', async () => {
    bench = await ShellBench.start(never);
    const socket = await connect();
    const told = message(socket, SHUTDOWN);
    const closed = once(socket, 'close');
    bench.end.abort(new Error('canceled'));
    await told;
    await closed;
    await bench.log.next('interactive session closed');
    assert.equal(bench.kills, 0);
    const late = await connect('command=x', ERROR);
    await once(late, 'close');
  });

  it('fails when the engine does not start it, without effect on the task', async () => {
    bench = await ShellBench.start(echo);
    bench.engine.fail('exec', new DockerError('out of order', undefined));
    const socket = new WebSocket(`${bench.url}?command=x`);
    const error = await message(socket, ERROR);
    assert.equal(error.toString(), 'The session failed: out of order');
    await once(socket, 'close');
    await connect();
  });

  it('is refused when an argument of its command is empty', async () => {
    bench = await ShellBench.start(echo);
    const socket = new WebSocket(`${bench.url}?command=`);
    assert.match((await message(socket, ERROR)).toString(), /empty/);
    await once(socket, 'close');
    assert.deepEqual(bench.engine.execs, []);
  });

  it('is refused once the task ends', async () => {
    bench = await ShellBench.start(echo);
    await bench.lifetime.over(new AbortController().signal);
    const socket = new WebSocket(`${bench.url}?command=x`);
    assert.match((await message(socket, ERROR)).toString(), /has ended/);
    await once(socket, 'close');
  });

  it('counts the cost of nearly empty messages', async () => {
    let read = (): void => undefined;
    const mayRead = new Promise<void>((resolve) => {
      read = resolve;
    });
    bench = await ShellBench.start(async ({ stdin }) => {
      await mayRead;
      await once(stdin.resume(), 'end');
      return 0;
    });
    const socket = await connect();
    const paused = message(socket, PAUSE);
    for (let each = 0; each < 60_000; each++) send(socket, STDIN, each % 2 === 0 ? 'x' : '');
    await paused;
    const resumed = message(socket, RESUME);
    read();
    await resumed;
    const stopped = message(socket, STOPPED);
    send(socket, END);
    assert.deepEqual(await stopped, Buffer.of(0));
  });

  it('sets one terminal size at a time, and the last one in the end', async () => {
    bench = await ShellBench.start(echo);
    const socket = await connect('command=x&tty=true');
    const [exec = assert.fail()] = bench.engine.execs;
    const rows: number[] = [];
    let answer = (): void => undefined;
    exec.resize = (row) => {
      rows.push(row);
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    for (let row = 1; row <= 250; row++) send(socket, 50, Buffer.of(row, 0, 80, 0));
    const after = message(socket, STDOUT);
    send(socket, STDIN, 'after all of them');
    await after;
    assert.deepEqual(rows, [1]);
    answer();
    await setImmediate();
    assert.deepEqual(rows, [1, 250]);
  });

  it('sets a default terminal size first, and never one without rows or columns', async () => {
    bench = await ShellBench.start(echo);
    const [socket, raw] = [await connect('command=x&tty=true'), new WebSocket(bench.url)];
    sockets.push(raw);
    await once(raw, 'open');
    const echoed = once(raw, 'message');
    for (const size of [[], [0, 0], [0, 0, 80, 0], [50, 0, 0, 0]]) raw.send(Buffer.of(2, ...size));
    raw.send(Buffer.from('\x01x'));
    await echoed;
    send(socket, 50, Buffer.alloc(4));
    const after = message(socket, STDOUT);
    send(socket, STDIN, 'x');
    await after;
    for (const { size, spec } of bench.engine.execs) {
      assert.deepEqual(size, [24, 80]);
      assert.deepEqual(spec.env, { TERM: 'xterm-256color' });
    }
  });

  it('has no TERM without a terminal', async () => {
    bench = await ShellBench.start(echo);
    await connect();
    assert.equal(bench.engine.execs[0]?.spec.env, undefined);
  });

  it('says once that it has no terminal', async () => {
    bench = await ShellBench.start(echo);
    const socket = await connect();
    const errors: string[] = [];
    socket.on('message', (data: Buffer) => {
      if (data[0] === ERROR) errors.push(data.toString('utf8', 1));
    });
    for (let each = 0; each < 3; each++) send(socket, 50, Buffer.alloc(4));
    const after = message(socket, STDOUT);
    send(socket, STDIN, 'after all of them');
    await after;
    assert.deepEqual(errors, ['The session has no terminal to resize.']);
  });

  it('ignores invalid messages', async () => {
    bench = await ShellBench.start(echo);
    const socket = await connect();
    for (const bytes of [[], [50], [50, 1], [7], [255, 0], [102, 1, 2], [0]]) socket.send(Buffer.from(bytes));
    socket.send('text');
    send(socket, STDIN, 'after the end of stdin');
    assert.deepEqual(await message(socket, STOPPED), Buffer.of(0));
  });
});

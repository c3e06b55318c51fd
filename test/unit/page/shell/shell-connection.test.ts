import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { ShellConnection } from '../../../../src/page/shell/shell-connection.js';
import type { ShellState } from '../../../../src/page/shell/shell-connection.js';
import { shellWire } from '../../../../src/page/shell/shell-wire.js';

class FakeSocket {
  binaryType: 'blob' | 'arraybuffer' = 'blob';
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly sent: Buffer[] = [];

  send(message: Uint8Array): void {
    this.sent.push(Buffer.from(message));
  }

  close(): void {
    this.readyState = 3;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(...bytes: readonly number[]): void {
    this.onmessage?.({ data: Uint8Array.from(bytes).buffer });
  }

  ends(code: number, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

function connection(version: '1' | '2', isRunOver = false) {
  const sockets: FakeSocket[] = [];
  const states: ShellState[] = [];
  const output: string[] = [];
  const made = new ShellConnection({
    wire: shellWire(version) ?? assert.fail(),
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    onState: (state) => states.push(state),
    onOutput: (data) => output.push(Buffer.from(data).toString()),
    isRunOver: () => Promise.resolve(isRunOver),
  });
  made.connect();
  return { made, states, output, socket: (at = -1) => sockets.at(at) ?? assert.fail(), sockets };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the connection to a shell', () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => {
    mock.timers.reset();
  });

  it('passes on what is typed and printed, and the size first', () => {
    const { made, socket, output, states } = connection('2');
    made.resize(24, 80);
    made.type(Buffer.from('lost'));
    socket().accept();
    made.type(Buffer.from('ls'));
    socket().says(104, 105);
    assert.deepEqual(socket().sent, [Buffer.from([2, 24, 0, 80, 0]), Buffer.from('\x01ls')]);
    assert.deepEqual(output, ['hi']);
    assert.deepEqual(states, [{ kind: 'connecting' }, { kind: 'open' }]);
  });

  it('waits with input while the worker asks for it, in version 1', () => {
    const { made, socket } = connection('1');
    socket().accept();
    made.type(Buffer.from('a'));
    assert.deepEqual(socket().sent, []);
    socket().says(100);
    socket().says(101);
    made.type(Buffer.alloc(100_000));
    assert.equal(socket().sent.length, 1);
    socket().says(100);
    assert.deepEqual(
      socket().sent.map((message) => message.length),
      [2, 65_537, 34_465],
    );
  });

  it('tells the exit code, in both versions', async () => {
    for (const version of ['1', '2'] as const) {
      const { socket, states } = connection(version);
      socket().accept();
      if (version === '1') socket().says(200, 7);
      socket().ends(1000, version === '1' ? '' : 'exit code 7');
      await turn();
      const last = states.at(-1);
      assert.ok(last?.kind === 'ended' && last.end.exitCode === 7, version);
    }
  });

  it('opens another shell when it breaks off, and waits longer each time', async () => {
    const { made, socket, states, sockets } = connection('2');
    for (const ms of [1000, 2000, 4000, 8000, 15_000]) {
      socket().accept();
      socket().ends(1006);
      await turn();
      const last = states.at(-1);
      assert.ok(last?.kind === 'retrying' && last.retryMs === ms, String(ms));
      mock.timers.tick(ms);
    }
    socket().ends(1006);
    await turn();
    assert.deepEqual([states.at(-1)?.kind, sockets.length], ['ended', 6]);
    made.connect();
    assert.equal(sockets.length, 7);
  });

  it('does not when the run is over, the shell has ended, or it was never there', async () => {
    const ends: readonly (readonly [number, string, boolean, boolean])[] = [
      [1006, '', true, true],
      [1001, 'the task has ended', true, false],
      [1013, 'There are 10 sessions already', true, false],
      [1011, 'lost', true, false],
      [1006, '', false, false],
    ];
    for (const [code, reason, wasOpen, isRunOver] of ends) {
      const { socket, states, sockets } = connection('2', isRunOver);
      if (wasOpen) socket().accept();
      socket().ends(code, reason);
      await turn();
      assert.deepEqual([states.at(-1)?.kind, sockets.length], ['ended', 1], `${code} ${reason}`);
    }
  });

  it('shows no control characters that a worker sends as a reason', async () => {
    const { socket, states } = connection('2');
    socket().accept();
    socket().ends(1011, 'a\x1b[31m\r\n\u202eb');
    await turn();
    const last = states.at(-1);
    assert.ok(last?.kind === 'ended' && last.end.text === 'The worker says: a [31m   b');
  });

  it('opens none after its end', async () => {
    const { made, socket, sockets } = connection('2');
    socket().accept();
    socket().ends(1006);
    made.dispose();
    await turn();
    mock.timers.tick(100_000);
    assert.equal(sockets.length, 1);
  });

  it('asks the worker to wait with output, once, in version 1', () => {
    const { made, socket } = connection('1');
    socket().accept();
    assert.deepEqual([made.pauseOutput(true), made.pauseOutput(true), made.pauseOutput(false)], [true, true, true]);
    assert.deepEqual(socket().sent, [Buffer.of(101), Buffer.of(100)]);
    assert.equal(connection('2').made.pauseOutput(true), false);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { DockerError } from '../../../../src/lib/docker/engine.js';
import { LIST_DISPLAYS } from '../../../../src/lib/features/interactive/container-scripts.js';
import type { FakeExecProgram } from '../../../fakes/fake-exec.js';
import { ShellBench } from './shell-bench.js';

const MIB = 1024 * 1024;
/** What servers of RFB say first. */
const HELLO = 'RFB 003.008\n';

const never: FakeExecProgram = () => new Promise(() => undefined);
const echo: FakeExecProgram = async ({ stdin, print }) => {
  await print(HELLO);
  for await (const data of stdin as AsyncIterable<Buffer>) await print(data);
  return 0;
};

describe('the displays of a task', () => {
  let bench: ShellBench;
  const sockets: WebSocket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate();
    await bench.close();
  });

  /** As noVNC does, which wants its protocol to be agreed to. */
  const connect = (query = 'display=:0.0'): WebSocket => {
    const socket = new WebSocket(`${bench.endpoint.urlOf('display.sock')}?${query}`, ['binary']);
    sockets.push(socket);
    return socket;
  };
  const closeOf = async (socket: WebSocket): Promise<readonly [number, string]> => {
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    return [code, reason.toString()];
  };

  describe('can be seen', () => {
    it('in bytes as they are, both ways', async () => {
      bench = await ShellBench.start(echo);
      const socket = connect();
      const [hello, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
      assert.deepEqual([hello.toString(), isBinary, socket.protocol], [HELLO, true, 'binary']);
      const sent = Buffer.from([0, 1, 2, 200, 255, 13, 10, 4, 3]);
      socket.send(sent);
      assert.deepEqual((await once(socket, 'message'))[0], sent);
      const [{ spec } = assert.fail()] = bench.engine.execs;
      assert.equal(spec.tty, false);
      const [display, desktop, port] = spec.command.slice(-3);
      assert.deepEqual([display, desktop], [':0.0', ':0.0 of task task, run 0']);
      assert.ok(Number(port) >= 10_000 && Number(port) < 30_000, port);
    });

    it('by more than one, each with a port of his own', async () => {
      bench = await ShellBench.start(echo);
      for (let each = 0; each < 10; each++) await once(connect(), 'message');
      assert.equal(new Set(bench.engine.execs.map(({ spec }) => spec.command.at(-1))).size, 10);
      const eleventh = await closeOf(connect());
      assert.deepEqual(eleventh, [1013, 'There are 10 sessions already, which is the limit.']);
    });

    it('as sessions that are told of', async () => {
      bench = await ShellBench.start(async ({ print }) => {
        await print('no such\n', 'stderr');
        await print('display\n', 'stderr');
        return 1;
      });
      assert.deepEqual(await closeOf(connect('display=:7')), [1000, 'exit code 1']);
      await bench.log.next('interactive session closed');
      const [opened, closed] = ['opened', 'closed'].map(
        (what) => bench.log.of(`interactive session ${what}`)[0]?.fields,
      );
      const { remoteAddress, ...facts } = opened ?? assert.fail();
      assert.match(String(remoteAddress), /127\.0\.0\.1/);
      assert.deepEqual(facts, { session: 1, protocol: 'vnc', display: ':7' });
      assert.deepEqual([closed?.['exitCode'], closed?.['printed']], [1, 'no such | display']);
      assert.match(bench.output.lines.join('\n'), /Interactive session 1 opened: display :7/);
      assert.match(
        bench.output.lines.join('\n'),
        /session 1 closed with exit code 1 after \d+ seconds: no such \| display/,
      );
    });

    it('only by who says which, of the container', async () => {
      bench = await ShellBench.start(echo);
      for (const query of ['', 'display=', 'display=WAIT:cmd=x', 'display=other:0', 'display=-inetd']) {
        const [code, reason] = await closeOf(connect(query));
        assert.equal(code, 1013);
        assert.match(reason, /Say which display/);
      }
      assert.deepEqual(bench.engine.execs, []);
    });

    it('until the run ends', async () => {
      bench = await ShellBench.start(never);
      const socket = connect();
      await once(socket, 'open');
      await bench.log.next('interactive session opened');
      const closed = closeOf(socket);
      bench.end.abort(new Error('canceled'));
      assert.deepEqual(await closed, [1001, 'the task has ended']);
      await bench.log.next('interactive session closed');
      assert.deepEqual(await closeOf(connect()), [1013, 'The task has ended.']);
    });

    it('and keep the task alive for as long', async () => {
      bench = await ShellBench.start(echo);
      const socket = connect();
      await once(socket, 'message');
      assert.equal(bench.lifetime.remainingMs, undefined);
      socket.close();
      const { fields } = await bench.log.next('interactive session closed');
      assert.deepEqual([fields['isAbandoned'], bench.kills], [true, 1]);
      assert.equal(bench.lifetime.remainingMs, 0);
    });

    it('without memory for what a slow side does not take', async () => {
      let printed = 0;
      bench = await ShellBench.start(async ({ print }) => {
        for (; printed < 100; printed++) await print(Buffer.alloc(MIB));
        return 0;
      });
      const socket = connect();
      await once(socket, 'open');
      socket.pause();
      for (let before = -1; before !== printed;) {
        before = printed;
        for (let turn = 0; turn < 200; turn++) await setImmediate();
      }
      assert.ok(printed < 30, `${printed} MiB are on their way`);
      for (let each = 0; each < 40; each++) socket.send(Buffer.alloc(MIB));
      for (let before = -1; before !== socket.bufferedAmount;) {
        before = socket.bufferedAmount;
        for (let turn = 0; turn < 200; turn++) await setImmediate();
      }
      const [exec = assert.fail()] = bench.engine.execs;
      assert.ok(exec.stdin.writableLength < 10 * MIB, `${exec.stdin.writableLength} bytes in memory`);
      assert.ok(socket.bufferedAmount > 10 * MIB, `only ${socket.bufferedAmount} bytes are kept from coming`);
    });
  });

  describe('can be listed', () => {
    const list = async (): Promise<readonly [number, string]> => {
      const response = await fetch(bench.endpoint.urlOf('displays'));
      return [response.status, (await response.text()).trim()];
    };

    it('as JSON', async () => {
      bench = await ShellBench.start(async ({ spec, print }) => {
        assert.deepEqual(spec.command.slice(-1), LIST_DISPLAYS);
        await print('noise', 'stderr');
        await print(':0.0\t10');
        await print('24x768\n:1.0\t640x480\n');
        return 0;
      });
      const [status, text] = await list();
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(text), [
        { display: ':0.0', width: 1024, height: 768 },
        { display: ':1.0', width: 640, height: 480 },
      ]);
      assert.equal(bench.engine.execs[0]?.isClosed, true);
    });

    it('by many at the price of one', async () => {
      let answer = (): void => undefined;
      const mayAnswer = new Promise<void>((resolve) => {
        answer = resolve;
      });
      bench = await ShellBench.start(() => mayAnswer.then(() => 0));
      const answers = Array.from({ length: 20 }, () => bench.displays.list());
      answer();
      for (const each of await Promise.all(answers)) assert.deepEqual(each, []);
      assert.equal(bench.engine.execs.length, 1);
      assert.deepEqual(await list(), [200, '[]']);
      assert.equal(bench.engine.execs.length, 2);
    });

    for (const [what, program, reason] of [
      ['prints nonsense', ({ print }) => print('nonsense').then(() => 0), /printed "nonsense", which is no display/],
      ['fails', ({ print }) => print('no X\n', 'stderr').then(() => 3), /ended with exit code 3: no X$/],
      ['takes too long', never, /list-displays did not finish within 0\.2 s/],
      [
        'prints without end',
        async ({ print, killed }) => {
          while (!killed.aborted) await print(':0.0\t1024x768\n'.repeat(100));
          return 0;
        },
        /list-displays printed more than 16384 bytes/,
      ],
    ] as const satisfies readonly (readonly [string, FakeExecProgram, RegExp])[]) {
      it(`unless their program ${what}, which is said`, async () => {
        bench = await ShellBench.start(program);
        const [status, text] = await list();
        assert.equal(status, 500);
        assert.match(text, /^The displays can't be listed: /);
        assert.match(text, reason);
        assert.equal(bench.log.of('interactive displays not listed').length, 1);
        while (bench.kills < 1) await setImmediate();
        assert.equal(bench.engine.execs[0]?.isClosed, true);
      });
    }

    it('unless the engine does not start their program', async () => {
      bench = await ShellBench.start(never);
      bench.engine.fail('exec', new DockerError('out of order', undefined));
      assert.deepEqual(await list(), [500, "The displays can't be listed: out of order"]);
    });
  });
});

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import type { TerminationNotice } from '../../../src/lib/host/host.js';
import {
  CAPABILITIES,
  RunnerProtocol,
  parseMessage,
  withoutProtocol,
} from '../../../src/lib/host/worker-runner-protocol.js';
import { WorkerRunnerHost } from '../../../src/lib/host/worker-runner.js';
import type { Credentials } from '../../../src/lib/queue/queue-client.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';

describe('parsing a line of the worker-runner protocol', () => {
  it('accepts a message with prefix, JSON and a type', () => {
    assert.deepEqual(parseMessage('~{"type":"welcome","capabilities":[]}'), { type: 'welcome', capabilities: [] });
    assert.deepEqual(parseMessage('  ~{"type":"shutdown"}\r\n'), { type: 'shutdown' });
  });

  const others = [
    '',
    '~',
    '{"type":"a"}',
    '~{"type":"a"} more',
    '~{"type":1}',
    '~{}',
    '~["type"]',
    '~{type}',
    ' ~ {"type":"a"}',
  ];
  for (const line of others) {
    it(`refuses ${JSON.stringify(line)}`, () => {
      assert.equal(parseMessage(line), undefined);
    });
  }

  it('returns the content of a log message for other readers', () => {
    assert.equal(
      withoutProtocol('~{"body":{"level":"info","type":"start","textPayload":"start"},"type":"log"}\n'),
      '{"level":"info","type":"start"}\n',
    );
    assert.equal(withoutProtocol('~{"type":"shutdown"}\n'), undefined);
    for (const line of ['{"type":"start"}\n', 'WORKER_METRICS {}\n', '\n']) assert.equal(withoutProtocol(line), line);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((json) => `~${json}`),
        ),
        (line) => {
          const message = parseMessage(line);
          assert.ok(message === undefined || typeof message.type === 'string');
        },
      ),
    );
  });
});

/** The end of the pipes that worker-runner holds. */
class Runner {
  readonly input = new PassThrough();
  readonly lines: string[] = [];
  readonly problems: string[] = [];
  /** Lines written to the stream that worker-runner does not read. */
  readonly alone: string[] = [];
  readonly host: WorkerRunnerHost;

  constructor() {
    const write = (line: string): void => {
      this.lines.push(line);
    };
    const protocol = new RunnerProtocol({ input: this.input, write });
    this.host = new WorkerRunnerHost({
      configPath: '/nowhere',
      protocol,
      write,
      writeDetached: (line) => this.alone.push(line),
      placeFiles: () => Promise.resolve(),
      onProblem: (problem) => this.problems.push(problem),
      machineUptimeSeconds: () => 7,
    });
    this.host.connect();
  }

  async send(...messages: readonly ConfigTree[]): Promise<void> {
    this.input.write(messages.map((message) => `~${JSON.stringify(message)}\n`).join(''));
    await settle();
  }

  get messages(): readonly unknown[] {
    return this.lines.map((line) => parseMessage(line)).filter((message) => message !== undefined);
  }
}

const WELCOME = { type: 'welcome', capabilities: CAPABILITIES };
const NEVER = new AbortController().signal;

describe('WorkerRunnerHost', () => {
  it('answers the welcome once with its capabilities', async () => {
    const runner = new Runner();
    await runner.send(WELCOME, WELCOME);
    assert.deepEqual(runner.messages, [{ type: 'hello', capabilities: [...CAPABILITIES] }]);
  });

  it('reads messages that come in pieces among other lines', async () => {
    const runner = new Runner();
    const text = Buffer.from(`some log\n~{"type":"welcome","capabilities":["ü","shutdown"]}\n`);
    for (const byte of text) runner.input.write(Buffer.from([byte]));
    await settle();
    await runner.host.shutdown();
    assert.deepEqual(runner.messages.at(-1), { type: 'shutdown' });
  });

  it('announces its end, even before the welcome', async () => {
    const runner = new Runner();
    const told = runner.host.shutdown();
    await runner.send(WELCOME);
    await told;
    assert.deepEqual(runner.messages.at(-1), { type: 'shutdown' });
  });

  it('sends nothing without worker-runner', async () => {
    const clock = FakeClock.start();
    const runner = new Runner();
    await clock.advanceUntil(runner.host.shutdown(), 2000);
    clock.stop();
    assert.deepEqual(runner.lines, []);
  });

  it('uses only the capabilities that both sides have', async () => {
    const runner = new Runner();
    await runner.send({ type: 'graceful-termination', 'finish-tasks': false });
    await runner.send({ type: 'welcome', capabilities: ['new-credentials', 'teleport'] });
    await runner.host.shutdown();
    await runner.host.reportError({ kind: 'k', title: 't', description: 'd', extra: {} });
    await runner.send({ type: 'graceful-termination', 'finish-tasks': false });
    const notices: TerminationNotice[] = [];
    void runner.host.terminationNotices((notice) => notices.push(notice), 1, NEVER);
    assert.deepEqual(notices, []);
    assert.deepEqual(runner.messages, [{ type: 'hello', capabilities: [...CAPABILITIES] }]);
  });

  it('forwards notices and credentials, even those before the first listener', async () => {
    const runner = new Runner();
    const first = { type: 'new-credentials', 'client-id': 'c1', 'access-token': 't1', certificate: '' };
    await runner.send(WELCOME, first, { type: 'graceful-termination', 'finish-tasks': true });
    const notices: TerminationNotice[] = [];
    const renewals: Credentials[] = [];
    const stop = new AbortController();
    const watching = [
      runner.host.terminationNotices((notice) => notices.push(notice), 1, stop.signal),
      runner.host.credentialRenewals((credentials) => renewals.push(credentials), stop.signal),
    ];
    await runner.send({ ...first, 'client-id': 'c2', certificate: '{}' }, { type: 'graceful-termination' });
    assert.deepEqual(notices, [
      { reason: 'worker-runner', finishTasks: true },
      { reason: 'worker-runner', finishTasks: false },
    ]);
    assert.deepEqual(renewals, [
      { clientId: 'c1', accessToken: 't1' },
      { clientId: 'c2', accessToken: 't1', certificate: '{}' },
    ]);
    stop.abort(new Error('enough'));
    await Promise.all(watching.map((each) => assert.rejects(each, /enough/)));
  });

  it('logs invalid credentials without quoting them', async () => {
    const runner = new Runner();
    await runner.send(WELCOME, { type: 'new-credentials', 'client-id': 1, 'access-token': 'the-token' });
    assert.equal(runner.problems.length, 1);
    assert.doesNotMatch(runner.problems.join(), /the-token/);
  });

  it('writes plain log lines until worker-runner asks for messages', async () => {
    const runner = new Runner();
    const line = '{"level":"info","type":"start","capacity":1}\n';
    runner.host.writeLog(line);
    await runner.send({ type: 'welcome', capabilities: ['log'] });
    runner.host.writeLog(line);
    assert.equal(runner.lines[0], line);
    assert.deepEqual(parseMessage(runner.lines[2] ?? ''), {
      type: 'log',
      body: { level: 'info', type: 'start', capacity: 1, textPayload: 'start' },
    });
  });

  it('writes plain log lines to the fallback once worker-runner is gone', async () => {
    const runner = new Runner();
    await runner.send(WELCOME);
    runner.input.end();
    await settle();
    const line = '{"level":"info","type":"exit","code":0}\n';
    runner.host.writeLog(line);
    assert.deepEqual(runner.alone, [line]);
    assert.deepEqual(
      runner.messages.map((message) => (message as ConfigTree)['type']),
      ['hello'],
    );
  });

  it('reports errors in full as soon as worker-runner can take them', async () => {
    const runner = new Runner();
    const report = { kind: 'k', title: 't', description: 'd', extra: { a: 1 } };
    const reported = runner.host.reportError(report);
    await runner.send(WELCOME);
    await reported;
    assert.deepEqual(runner.messages.at(-1), { ...report, type: 'error-report' });
  });

  it('drains when worker-runner is gone, but not when there was none', async () => {
    const notices: TerminationNotice[] = [];
    const runner = new Runner();
    void runner.host.terminationNotices((notice) => notices.push(notice), 1, NEVER);
    await runner.send(WELCOME);
    runner.input.end();
    await settle();
    assert.deepEqual(notices, [{ reason: 'worker-runner is gone', finishTasks: true }]);
    const nobody = new Runner();
    void nobody.host.terminationNotices((notice) => notices.push(notice), 1, NEVER);
    nobody.input.end();
    await settle();
    assert.equal(notices.length, 1);
    assert.match(nobody.problems.join(), /continues without it/);
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { RunLogs } from '../../../../src/local-ci/graph/run-logs.js';
import type { LogReader } from '../../../../src/local-ci/graph/run-logs.js';
import { SecretMask } from '../../../../src/local-ci/graph/secret-mask.js';
import { TaskNames } from '../../../../src/local-ci/graph/task-names.js';
import { PENDING, RUNNING, taskView, withRuns } from './task-views.js';

const FOOTER =
  '[taskcluster 2026-11-30 00:00:00.000Z] Unsuccessful task run with exit code: 7 completed in 1.5 seconds\n';

describe('the logs of runs', () => {
  let directory: string;
  let shown: string[];
  let news: string[];
  let readers: Record<string, LogReader['followLog']>;
  let logs: RunLogs;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-logs-'));
    [shown, news, readers] = [[], [], {}];
    logs = new RunLogs({
      directory,
      names: new TaskNames(),
      mask: new SecretMask(['hunter2']),
      show: ({ taskId }, lines) => {
        shown.push(...lines.map((line) => `${taskId} ${line}`));
        return Promise.resolve();
      },
      news: (line) => news.push(line),
      readerOf: (taskId, runId) => ({
        followLog: readers[`${taskId} ${runId}`] ?? assert.fail(`nobody reads ${taskId} ${runId}`),
      }),
    });
  });
  afterEach(() => rm(directory, { recursive: true }));

  const printing =
    (...pieces: readonly string[]): LogReader['followLog'] =>
    async (output) => {
      for (const piece of pieces) await written(output, piece);
      return { bytes: pieces.join('').length, isWhole: true };
    };
  const written = (output: Writable, piece: string): Promise<void> =>
    new Promise((resolve, reject) => {
      output.write(Buffer.from(piece), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  const a = taskView('a', [RUNNING]);

  it('are shown line by line and kept in files, without secrets', async () => {
    readers['a 0'] = printing('one hun', 'ter2\r\nt', 'wo\n', FOOTER, 'end');
    logs.begin(a);
    await logs.followed();
    await logs.finish();
    assert.deepEqual(shown, ['a one ***', 'a two', `a ${FOOTER.trim()}`, 'a end']);
    assert.equal(await read('name-of-a.log'), `one ***\r\ntwo\n${FOOTER}end`);
    assert.deepEqual(logs.factsOf('a'), { exitCode: 7, logFile: join(directory, 'name-of-a.log') });
    assert.equal((await stat(join(directory, 'name-of-a.log'))).mode & 0o777, 0o600);
    assert.equal(logs.isComplete, true);
  });

  it('of further runs have files of their own', async () => {
    readers['a 0'] = printing('first\n', FOOTER);
    readers['a 1'] = printing('second\n');
    logs.begin(a);
    logs.begin(withRuns(a, PENDING, RUNNING));
    await logs.finish();
    assert.equal(await read('name-of-a.log'), `first\n${FOOTER}`);
    assert.equal(await read('name-of-a.run-1.log'), 'second\n');
    assert.deepEqual(logs.factsOf('a'), { exitCode: undefined, logFile: join(directory, 'name-of-a.run-1.log') });
  });

  it('that were published only later are completed at the end', async () => {
    const asked: (number | undefined)[] = [];
    readers['a 0'] = async (output, _name, alreadyRead) => {
      asked.push(alreadyRead);
      if (asked.length > 1) return await printing('rest\n')(output);
      await written(output, 'begin\n');
      return { bytes: 6, isWhole: false };
    };
    logs.begin(a);
    await logs.followed();
    assert.deepEqual(shown, ['a begin']);
    await logs.finish();
    assert.deepEqual(asked, [0, 6]);
    assert.equal(await read('name-of-a.log'), 'begin\nrest\n');
  });

  it('that can not be read are told once, and do not concern the others', async () => {
    readers['a 0'] = () => Promise.reject(new Error('no answer\u001b[2J'));
    readers['b 0'] = printing('b\n');
    logs.begin(a);
    logs.begin(taskView('b', [RUNNING]));
    await logs.followed();
    await logs.finish();
    assert.deepEqual(news, ['name of a: its log is not complete: no answer?[2J']);
    assert.equal(await read('name-of-b.log'), 'b\n');
    assert.equal(logs.isComplete, false);
  });

  it('that can not be written are told, even while their reader waits', async () => {
    await rm(directory, { recursive: true });
    readers['a 0'] = () => new Promise(() => undefined);
    logs.begin(a);
    await logs.finish();
    assert.match(news.join(), /^name of a: its log is not complete: ENOENT/);
    await mkdir(directory);
  });

  it('of nobody have no facts', () => {
    assert.deepEqual(logs.factsOf('a'), {});
  });

  it('end at once when they are abandoned, without a word', async () => {
    readers['a 0'] = () => new Promise(() => undefined);
    logs.begin(a);
    logs.abandon();
    await logs.finish();
    assert.deepEqual(news, []);
  });
});

import assert from 'node:assert/strict';
import { ONCE_RESOLVED, newRunRecord, parseRunRecord, runRecordText } from '../../../src/lib/task/run-record.js';
import type { RunFacts, RunRecord } from '../../../src/lib/task/run-record.js';
import { claimOf } from '../worker/fake-runs.js';
import { IMAGE } from './task-fixture.js';

const ARTIFACT_HASH = `sha256:${'a'.repeat(64)}`;
const FACTS: Omit<RunFacts, 'task'> = {
  image: { localName: 'an-image:latest', image: IMAGE, artifactHash: ARTIFACT_HASH },
  live: { url: 'https://host.example.com:32800/log/secret', token: 'secret' },
  prepared: { caches: { binds: ['/a:/b'] } },
  openedAt: '2026-11-23T00:00:00.123Z',
  ended: { exitCode: 3, oomKilled: false, cause: 'exit' },
  outcome: {
    soFar: { kind: 'exception', reason: 'intermittent-task' },
    image: { image: IMAGE, artifactHash: ARTIFACT_HASH },
    manifest: { 'public/a': { sha256: 'b'.repeat(64) } },
  },
  adoptedAt: '2026-11-23T00:01:00.000Z',
  quickDeaths: 2,
};
/** All that is left of a record which can't be relied on. */
const REPORTABLE = ['taskId', 'runId', 'workerGroup', 'workerId', 'takenUntil', 'clockSkewMs', 'expires', 'phase'];

describe('the record of a run', () => {
  let record: RunRecord;
  let reasons: string[];
  beforeEach(() => {
    const report = {
      resolution: { kind: 'completed' },
      directory: '/runs/a',
      log: { name: 'public/logs/live.log', isLive: true },
      containerId: 'c',
      stalledMs: 5,
    } as const;
    record = { ...newRunRecord(claimOf('a-task')), ...FACTS, ...report, phase: 'report' };
    reasons = [];
  });
  const parsed = (value: unknown): RunRecord =>
    parseRunRecord(JSON.stringify(value), (reason) => {
      reasons.push(reason);
    });

  it('begins with the version, the claim and the definition', () => {
    const { version, task, phase, credentials } = newRunRecord(claimOf('a-task'));
    assert.deepEqual([version, phase], [2, 'claimed']);
    assert.deepEqual([task, credentials], [claimOf('a-task').task, claimOf('a-task').credentials]);
  });

  it('is read as it was written', () => {
    assert.deepEqual(parseRunRecord(runRecordText(record)), record);
    assert.deepEqual(parsed({ ...record, ended: { exitCode: 137, cause: 'max-run-time' } }).ended, {
      exitCode: 137,
      cause: 'max-run-time',
    });
    assert.deepEqual(reasons, []);
  });

  it('has the definition exactly as it was claimed', () => {
    const payload: unknown = JSON.parse('{"10":-1.5,"__proto__":{"a":"\\ud800\\n"},"2":[],"1":null}');
    const task = { ...claimOf('a').task, payload };
    const text = runRecordText({ ...record, task });
    assert.equal(JSON.stringify(parseRunRecord(text).task), JSON.stringify(task));
    assert.ok(!text.includes('\n'), 'it is not one line');
  });

  it('makes the definition text once, however often it is written', () => {
    let count = 0;
    const toJSON = (): string => {
      count += 1;
      return 'the definition';
    };
    const task = { ...claimOf('a').task, toJSON };
    for (const phase of ['admit', 'prepare'] as const) {
      assert.match(
        runRecordText({ ...record, phase, task }),
        new RegExp(`"phase":"${phase}".*"task":"the definition"}$`),
      );
    }
    assert.equal(count, 1);
  });

  it('has no secrets and no definition once the run is resolved', () => {
    const text = runRecordText({ ...record, ...ONCE_RESOLVED });
    assert.deepEqual(
      Object.keys(JSON.parse(text) as object).sort(),
      [...REPORTABLE, 'version', 'resolution', 'directory', 'log', 'containerId', 'stalledMs'].sort(),
    );
    assert.deepEqual(parseRunRecord(text).resolution, { kind: 'completed' });
  });

  it('is read without a version as that of the previous release', () => {
    const { version, task, image, live, openedAt, ended, outcome, adoptedAt, quickDeaths, ...old } = record;
    assert.ok(version && task && image && live && openedAt && ended && outcome && adoptedAt && quickDeaths);
    assert.deepEqual(parsed(old), old);
    assert.throws(() => parsed({ ...old, resolution: { kind: 'odd' } }), /record\/resolution/);
    assert.deepEqual(reasons, []);
  });

  it('has just what the report needs when its version is unknown', () => {
    for (const version of [3, 1, -1, 2.5]) {
      const { credentials, directory, log, containerId, stalledMs } = record;
      const found = parsed({ ...record, version, added: 'by it' });
      assert.deepEqual(
        Object.keys(found).sort(),
        [...REPORTABLE, 'version', 'credentials', 'directory', 'log', 'containerId', 'stalledMs'].sort(),
      );
      assert.deepEqual([found.version, found.phase, found.credentials], [version, 'report', credentials]);
      assert.deepEqual(
        [found.directory, found.log, found.containerId, found.stalledMs],
        [directory, log, containerId, stalledMs],
      );
    }
    assert.deepEqual(reasons[0], 'its version is 3; this worker knows 2');
    assert.equal(reasons.length, 4);
  });

  it('has just what is valid of that when another version has changed it', () => {
    const found = parsed({ ...record, version: 3, phase: 'admire', log: ['a'], directory: 7, credentials: 'none' });
    assert.deepEqual(Object.keys(found).sort(), [...REPORTABLE, 'version', 'containerId', 'stalledMs'].sort());
    assert.equal(found.phase, 'execute');
  });

  for (const [name, value] of Object.entries({
    task: { scopes: 'all' },
    image: { image: IMAGE },
    live: { url: 'https://host.example.com' },
    prepared: [],
    openedAt: 'yesterday',
    ended: { exitCode: 1.5, cause: 'exit' },
    outcome: { soFar: { kind: 'odd' } },
    adoptedAt: 0,
    quickDeaths: -1,
    resolution: { kind: 'exception', reason: 'bored' },
    log: { name: '' },
    phase: 'admire',
  })) {
    it(`has just what the report needs when its ${name} is damaged`, () => {
      const found = parsed({ ...record, [name]: value });
      assert.deepEqual([found.version, found.credentials], [2, record.credentials]);
      assert.deepEqual([found.task, found.resolution, found.prepared], [undefined, undefined, undefined]);
      assert.match(reasons.join('\n'), new RegExp(`^record/${name}.*$`));
    });
  }

  it('is not readable without what the report needs', () => {
    for (const name of REPORTABLE.filter((each) => each !== 'phase')) {
      for (const version of [undefined, 2, 3]) {
        assert.throws(
          () => parsed({ ...record, version, [name]: undefined }),
          new RegExp(`required property '${name}'`),
        );
      }
    }
    assert.throws(() => parsed({ ...record, version: '2' }), /version must be number/);
    for (const odd of [null, [], 7, 'text']) assert.throws(() => parsed(odd), /record must be object/);
    assert.throws(() => parseRunRecord(runRecordText(record).slice(0, -1)), /it is not valid JSON$/);
    assert.deepEqual(reasons, []);
  });
});

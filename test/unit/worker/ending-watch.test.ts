import assert from 'node:assert/strict';
import type { Expiring } from '../../../src/lib/log/metrics-recorder.js';
import { credentialsEnd, stateOf } from '../../../src/lib/worker/ending.js';
import type { Ending } from '../../../src/lib/worker/ending.js';
import { EndingWatch } from '../../../src/lib/worker/ending-watch.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const END = new Date('2030-01-31T12:00:00Z');

describe('EndingWatch', () => {
  let nowMs: number;
  let end: Date | undefined;
  let log: MemoryLogger;
  let looks: (readonly [Expiring, Date | undefined])[];
  let watch: EndingWatch;
  const certificate: Ending = { what: 'live-log-certificate', noticeDays: 14, end: () => Promise.resolve(end) };

  beforeEach(() => {
    nowMs = END.getTime() - 20 * DAY_MS;
    end = END;
    log = new MemoryLogger();
    looks = [];
    watch = new EndingWatch({
      endings: [certificate],
      log,
      onLook: (...look) => looks.push(look),
      now: () => new Date(nowMs),
    });
  });

  const lookAfter = async (ms: number): Promise<void> => {
    nowMs += ms;
    await watch.look();
  };

  it('logs nothing while the end is far away', async () => {
    await watch.look();
    assert.deepEqual([watch.warnings(), log.records], [[], []]);
    assert.deepEqual(looks, [['live-log-certificate', END]]);
  });

  it('logs once a day that an end is near, and always has a warning', async () => {
    await lookAfter(7 * DAY_MS);
    for (let hour = 1; hour <= 24; hour++) await lookAfter(HOUR_MS);
    const said = log.of('expires soon');
    assert.deepEqual(
      said.map(({ level, fields }) => [level, fields['what'], fields['end'], fields['daysLeft']]),
      [
        ['warn', 'live-log-certificate', END.toISOString(), 13],
        ['warn', 'live-log-certificate', END.toISOString(), 12],
      ],
    );
    assert.deepEqual(watch.warnings(), [`the certificate of live logs ends at ${END.toISOString()}, in 12 days`]);
  });

  it('alerts at once after an end, and again every day', async () => {
    await lookAfter(20 * DAY_MS - HOUR_MS);
    await lookAfter(HOUR_MS);
    await lookAfter(HOUR_MS);
    await lookAfter(DAY_MS);
    assert.deepEqual(
      log.records.map(({ level, event }) => [level, event]),
      [
        ['warn', 'expires soon'],
        ['alert', 'expired'],
        ['alert', 'expired'],
      ],
    );
    assert.deepEqual(watch.warnings(), [`the certificate of live logs ended at ${END.toISOString()}`]);
  });

  it('drops the warning once it is renewed or no longer exists', async () => {
    await lookAfter(19 * DAY_MS);
    end = new Date(END.getTime() + 90 * DAY_MS);
    await lookAfter(HOUR_MS);
    assert.deepEqual(watch.warnings(), []);
    end = undefined;
    await lookAfter(HOUR_MS);
    assert.deepEqual(looks.at(-1), ['live-log-certificate', undefined]);
  });

  it('does not warn in advance of an end that is renewed automatically', async () => {
    const credentials: Ending = { what: 'credentials', noticeDays: 0, end: () => Promise.resolve(END) };
    const before = await stateOf(credentials, new Date(END.getTime() - 1000));
    const after = await stateOf(credentials, END);
    assert.deepEqual([before?.state, after?.state], ['good', 'over']);
    assert.equal(after?.words, `the worker's credentials ended at ${END.toISOString()}`);
  });
});

describe('credentialsEnd', () => {
  it('reads the expiry of temporary credentials; others have none', () => {
    const permanent = { clientId: 'c', accessToken: 'a' };
    assert.equal(credentialsEnd(permanent), undefined);
    const expiry = END.getTime();
    assert.deepEqual(credentialsEnd({ ...permanent, certificate: JSON.stringify({ version: 1, expiry }) }), END);
    for (const certificate of ['', 'null', '{}', '{"expiry":"soon"}', '{"expiry":1e300}', 'no JSON']) {
      assert.equal(credentialsEnd({ ...permanent, certificate }), undefined, certificate);
    }
  });
});

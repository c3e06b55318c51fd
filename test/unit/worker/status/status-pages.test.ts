import assert from 'node:assert/strict';
import { RecentProblems } from '../../../../src/lib/log/recent-problems.js';
import { SCRIPT, STYLE } from '../../../../src/lib/worker/status/page-files.js';
import { StatusPages } from '../../../../src/lib/worker/status/status-pages.js';
import type { ListedImage, StatusSources, WorkerStatus } from '../../../../src/lib/worker/status/worker-status.js';
import { shownConfig } from '../../../../src/lib/worker/status/shown-config.js';
import { CREDENTIALS, load } from '../../config/fixture.js';

const TASK_ID = 'fRWeAYyFTv66bvy2SXul1w';
const HOSTILE = `"><img src=x onerror=alert(1)><script>alert('x')</script>\u202e`;
const GIB = 2 ** 30;
const NOW = new Date('2026-11-30T12:00:00Z');

function imageOf(localName: string): ListedImage {
  const imageId = `sha256:${'ab'.repeat(32)}`;
  return { localName, imageId, isInUse: true, wasFetched: true, lastUsedAt: NOW.toISOString() };
}

describe('the pages of a worker', () => {
  let pages: StatusPages;
  let sources: Omit<StatusSources, 'runs'>;
  const problems = new RecentProblems(() => NOW);

  before(async () => {
    const loaded = await load({ flags: { statelessHostname: { secret: 'a-hidden-secret' } } });
    sources = {
      config: { ...loaded.config, workerId: HOSTILE },
      version: '1.2.3',
      health: () =>
        Promise.resolve({
          ...{ status: 'ok', problems: [HOSTILE], warnings: [HOSTILE], capacity: 2, running: 1 },
          ...{ uptimeSeconds: 3700, lastClaimWork: undefined },
        }),
      caches: {
        instances: [
          { name: HOSTILE, uuid: 'one', createdAt: NOW, lastUsedAt: NOW, isPurged: true, isInUse: true },
          { name: 'last', uuid: 'two', createdAt: NOW, lastUsedAt: NOW, isPurged: false, isInUse: false },
        ],
      },
      images: () => [imageOf(HOSTILE)],
      sampleHost: () =>
        Promise.resolve({
          ...{ cpuBusy: 0.25, load1: 1, memoryBytes: 8 * GIB, memoryAvailableBytes: 4 * GIB },
          ...{ diskBytes: 100 * GIB, diskFreeBytes: GIB },
        }),
      problems: () => problems.newestFirst,
      shownConfig: () => shownConfig(loaded),
      now: () => NOW,
    };
    problems.add('warn', 'older', { source: 'docker-worker', workerId: 'w', taskId: TASK_ID });
    problems.add('error', HOSTILE, { [HOSTILE]: HOSTILE });
  });

  beforeEach(() => {
    pages = new StatusPages();
  });

  const bodyOf = async (path: string): Promise<string> => (await pages.byPath[path]?.())?.body ?? assert.fail(path);
  const status = async (): Promise<WorkerStatus> => JSON.parse(await bodyOf('/status.json')) as WorkerStatus;

  it('say that the worker is starting until there is one', async () => {
    assert.match(await bodyOf('/'), /starting: the worker is not ready yet/);
    assert.equal((await pages.byPath['/status.json']?.())?.statusCode, 503);
  });

  it('show runs with their phase, and links to the pages of the deployment', async () => {
    pages.follow(sources);
    pages.runs.phaseBegan({ taskId: TASK_ID, runId: 3 }, 'execute');
    const [before] = (await status()).runs;
    assert.equal(before?.logUrl, undefined);
    pages.runs.logNamed({ taskId: TASK_ID, runId: 3 }, 'public/logs/a b.log');
    const [run] = (await status()).runs;
    const url = `https://tc.example.com/tasks/${TASK_ID}/runs/3`;
    assert.deepEqual([run?.phase, run?.url], ['execute', url]);
    assert.equal(run?.logUrl, `${url}/logs/live/public%2Flogs%2Fa%20b.log`);
    const page = await bodyOf('/');
    assert.ok(page.includes(`<a href="${url}/logs/live/public%2Flogs%2Fa%20b.log"`), page);
  });

  it('show what else there is, as JSON', async () => {
    pages.follow(sources);
    const { worker, caches, images, machine, problems: shown, time } = await status();
    assert.deepEqual([worker.version, worker.workerId, time], ['1.2.3', HOSTILE, NOW.toISOString()]);
    assert.deepEqual([caches.total, caches.first.map(({ id }) => id)], [2, ['two', 'one']]);
    assert.deepEqual([images.total, images.first[0]?.localName], [1, HOSTILE]);
    assert.equal(machine?.diskFreeBytes, GIB);
    assert.deepEqual(shown, [
      { time: NOW.toISOString(), level: 'error', event: HOSTILE, fields: { [HOSTILE]: HOSTILE } },
      { time: NOW.toISOString(), level: 'warn', event: 'older', fields: { taskId: TASK_ID } },
    ]);
  });

  it('show hostile text as text', async () => {
    pages.follow(sources);
    pages.runs.phaseBegan({ taskId: TASK_ID, runId: 0 }, 'execute');
    pages.runs.logNamed({ taskId: TASK_ID, runId: 0 }, HOSTILE);
    const page = await bodyOf('/');
    assert.doesNotMatch(page, /<img|\u202e/);
    assert.deepEqual(page.match(/<script[^]*?<\/script>/g), ['<script src="/status.js" defer></script>']);
    assert.doesNotMatch(page, / on[a-z]+="|style=/);
  });

  it('show the configuration without its secrets', async () => {
    pages.follow(sources);
    for (const path of ['/', '/status.json']) {
      const body = await bodyOf(path);
      assert.match(body, /secret: ('|&#39;)\*\*\*/);
      assert.doesNotMatch(body, new RegExp(`a-hidden-secret|${CREDENTIALS.TASKCLUSTER_ACCESS_TOKEN}`));
    }
  });

  it('mask a secret that stands within another value, too', async () => {
    const loaded = await load({
      flags: { statelessHostname: { secret: 'a-hidden-secret' }, host: 'a-hidden-secret.x' },
    });
    assert.match(shownConfig(loaded), /^host: ['"]?\*\*\*\.x/m);
  });

  it('list the last hundred of many images', async () => {
    const many = Array.from({ length: 150 }, (_, index) => imageOf(`image-${index}`));
    pages.follow({ ...sources, images: () => many });
    const { images } = await status();
    assert.deepEqual([images.total, images.first.length, images.first[0]?.localName], [150, 100, 'image-149']);
    assert.match(await bodyOf('/'), /The 100 used last, of 150\./);
  });

  it('say why there is nothing about the machine', async () => {
    pages.follow({ ...sources, sampleHost: () => Promise.reject(new Error('no such disk')) });
    assert.match(await bodyOf('/'), /Not available: no such disk/);
  });

  it('have a script and a style sheet that ask for nothing from elsewhere', async () => {
    assert.equal(await bodyOf('/status.js'), SCRIPT);
    assert.equal(await bodyOf('/status.css'), STYLE);
    assert.doesNotMatch(SCRIPT + STYLE, /https?:|innerHTML|eval|@import|url\(/);
  });
});

describe('RecentProblems', () => {
  it('keeps the last fifty', () => {
    const kept = new RecentProblems();
    for (let index = 0; index < 60; index++) kept.add('warn', `event ${index}`, {});
    const names = kept.newestFirst.map(({ event }) => event);
    assert.deepEqual([names.length, names[0], names.at(-1)], [50, 'event 59', 'event 10']);
  });
});

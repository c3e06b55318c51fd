import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVENTS } from './github-events.js';
import { rendered, ROOT_URL } from './rendering.js';

const FOLDER = 'test/fixtures/taskcluster-yml';
const HOME = 'https://tc.widgets.example';
const NO_RELEASE = 'object has no property "release"';
const NO_POOL = 'unknown context value pool';
const CYCLE = 'At least 1 circular dependency in nodes: ';

type Expected = Readonly<Record<keyof typeof EVENTS, number | string>>;

const same = (result: number | string): Expected => ({
  push: result,
  tag: result,
  pullRequest: result,
  untrusted: result,
  release: result,
  comment: result,
});

/** For each file, and root URL, how many tasks each event has, or what its error says. */
const EXPECTED: Readonly<Record<string, Expected>> = {
  'absent-tasks.yml': { ...same(0), pullRequest: 1, untrusted: 1 },
  'anchors.yml': same(2),
  'comments.yml': { ...same(0), comment: 1 },
  'cycle.yml': same(CYCLE),
  'decision.yml': { push: 1, tag: 0, pullRequest: 1, untrusted: 1, release: 1, comment: 0 },
  'dependencies.yml': same(3),
  'deployments-differ.yml': same(1),
  [`deployments-differ.yml ${HOME}`]: same(3),
  'hooks-only.yml': same(0),
  'many-tasks.yml': { push: 4, tag: 5, pullRequest: 3, untrusted: 3, release: 3, comment: NO_RELEASE },
  'one-deployment.yml': same(NO_POOL),
  [`one-deployment.yml ${HOME}`]: { ...same(0), push: 1, tag: 1 },
  'other-events-fail.yml': { push: 2, tag: 2, pullRequest: 2, untrusted: NO_RELEASE, release: 2, comment: NO_RELEASE },
  'version-0.yml': { push: 1, tag: 0, pullRequest: 1, untrusted: 1, release: 1, comment: 0 },
  'version-0-branches.yml': { push: 1, tag: 1, pullRequest: 1, untrusted: 1, release: 0, comment: 1 },
  'whole-event.yml': same(1),
};

describe('files in the ways of public ones', () => {
  for (const [key, expected] of Object.entries(EXPECTED)) {
    const [name = '', rootUrl = ROOT_URL] = key.split(' ');
    const text = readFileSync(join(FOLDER, name), 'utf8');
    for (const [event, trigger] of Object.entries(EVENTS)) {
      const result = expected[event as keyof Expected];
      it(`${key}, ${trigger.title}: ${typeof result === 'number' ? `${result} tasks` : result.trim()}`, () => {
        const render = (): number => rendered(text, trigger, rootUrl).tasks.length;
        if (typeof result === 'number') assert.equal(render(), result);
        else {
          assert.throws(render, (error: Error) => {
            assert.equal(error.name, 'CiInputError');
            assert.ok(error.message.startsWith(`.taskcluster.yml (${trigger.title}): `), error.message);
            return error.message.includes(result);
          });
        }
      });
    }
  }

  it('are all here', () => {
    const named = new Set(Object.keys(EXPECTED).map((key) => key.split(' ')[0]));
    assert.deepEqual([...named].sort(), readdirSync(FOLDER).sort());
  });

  const file = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

  it('have what a decision task needs', () => {
    const [{ taskId, task } = assert.fail()] = rendered(file('decision.yml'), EVENTS.push).tasks;
    assert.equal(task['taskGroupId'], taskId);
    assert.deepEqual(task['scopes'], ['assume:repo:github.com/example-org/widget:branch:main']);
    assert.deepEqual(task['routes'], ['checks', `index.widgets.widget.${'1'.repeat(40)}`]);
    const { command, cache } = task['payload'] as { readonly command: readonly string[]; readonly cache: object };
    assert.equal(command[2], "decide --level='3' --owner='alice@example.com' ${MORE} --project='widget'\n");
    assert.deepEqual(cache, { 'widgets-level-3-checkouts': '/checkouts' });
  });

  it('have their tasks in the order of dependencies', () => {
    const names = (name: string, trigger = EVENTS.push): readonly string[] =>
      rendered(file(name), trigger).tasks.map(({ task }) => (task['metadata'] as { readonly name: string }).name);
    assert.deepEqual(names('dependencies.yml'), ['linux', 'windows', 'report']);
    assert.deepEqual(names('many-tasks.yml', EVENTS.tag).slice(-2), ['build', 'publish']);
  });

  it('list hooks for every event', () => {
    for (const trigger of Object.values(EVENTS)) {
      const names = rendered(file('hooks-only.yml'), trigger).hooks.map(({ name }) => name);
      assert.deepEqual(names, ['widgets/decide', 'widgets/lint']);
    }
  });

  it('hand over the whole event', () => {
    const [{ task } = assert.fail()] = rendered(file('whole-event.yml'), EVENTS.pullRequest).tasks;
    const { env } = task['payload'] as { readonly env: { readonly GITHUB_EVENT: string } };
    assert.deepEqual(JSON.parse(env.GITHUB_EVENT), EVENTS.pullRequest.body);
  });

  it('keep what version 0 does not know as text', () => {
    const [{ task } = assert.fail()] = rendered(file('version-0.yml'), EVENTS.push).tasks;
    const { image, env } = task['payload'] as { readonly image: string; readonly env: object };
    assert.equal(image, 'node:{{ nope }}');
    assert.deepEqual(env, { ...env, CI: '1', GITHUB_BRANCH: 'main', GITHUB_HEAD_SHA: '1'.repeat(40) });
  });
});

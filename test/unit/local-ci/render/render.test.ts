import assert from 'node:assert/strict';
import { CiInputError } from '../../../../src/local-ci/model.js';
import { isTaskclusterYml } from '../../../../src/local-ci/render/render.js';
import { pullRequestOf, push } from './github-events.js';
import { rendered, ROOT_URL } from './rendering.js';

const SCHEMA_1 = `${ROOT_URL}/schemas/github/v1/taskcluster-github-config.v1.json#`;
const SCHEMA_0 = `${ROOT_URL}/schemas/github/v1/taskcluster-github-config.json#`;

function problemOf(text: string, trigger = push()): string {
  try {
    rendered(text, trigger);
  } catch (error) {
    assert.ok(error instanceof CiInputError, String(error));
    return error.message;
  }
  return assert.fail('it was rendered');
}

describe('a .taskcluster.yml', () => {
  for (const text of ['', '# only a comment\n', '~', '""', 'false']) {
    it(`makes no tasks when it is empty: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(rendered(text), { taskGroupId: undefined, tasks: [], scopes: [], hooks: [] });
    });
  }

  it('is refused with file and event named', () => {
    assert.match(
      problemOf('[]'),
      /^\.taskcluster\.yml \(push to branch main\): the file must hold a map .*, not a list$/,
    );
    assert.match(problemOf('x', pullRequestOf()), /^\.taskcluster\.yml \(pull request 12 opened\): .*, not a string$/);
  });

  it('is refused when it is not YAML, with line, column and excerpt', () => {
    const problem = problemOf('version: 1\nversion: 1\n');
    assert.match(
      problem,
      /: the file is not YAML: duplicated mapping key \(2:1\)\n\n 1 \| version: 1\n 2 \| version: 1\n/,
    );
    assert.match(problemOf('a: [1'), /is not YAML: unexpected end of the stream .* \(2:1\)/);
    assert.match(problemOf('a: !!js/function x'), /is not YAML: unknown tag/);
  });

  it('is refused when it is longer than GitHub would hand out', () => {
    assert.match(problemOf(`#${' '.repeat(1024 * 1024)}`), /has 1048577 characters, and at most 1048576 are allowed/);
  });

  it('is refused when an alias stands inside of what it names', () => {
    for (const text of ['a: &a [*a]', 'version: 0\ntasks:\n  - &b {x: {y: *b}}']) {
      assert.match(problemOf(text), /an alias \(\*name\) inside of what it names \(&name\)/);
    }
  });

  it('may use anchors and merge keys', () => {
    const [first, second] = rendered('version: 1\ntasks: [&a {x: 1, y: 2}, {<<: *a, x: 3}]').tasks;
    assert.deepEqual([first?.task['x'], first?.task['y']], [1, 2]);
    assert.deepEqual([second?.task['x'], second?.task['y']], [3, 2]);
  });

  const versions: readonly (readonly [string, string])[] = [
    ['tasks: []', 'has no version'],
    ['version: 2', 'has version 2'],
    ['version: ~', 'has version null'],
    ['version: [1]', 'has version a list'],
    ['version: one', 'has version one'],
  ];
  for (const [text, words] of versions) {
    it(`is told which versions there are when it has another: ${text}`, () => {
      const advice = 'write "version: 1" at its top (there are the versions 0 and 1)';
      assert.equal(problemOf(text), `.taskcluster.yml (push to branch main): the file ${words}: ${advice}`);
    });
  }

  const violations: readonly (readonly [string, string, readonly string[]])[] = [
    ['version: 1\nfoo: 1', SCHEMA_1, ['data must NOT have additional properties: "foo"']],
    ['version: 1\ntask: []', SCHEMA_1, ['data must NOT have additional properties: "task" (did you mean "tasks"?)']],
    [
      'version: 1\npolicy: {pullRequests: everybody}',
      SCHEMA_1,
      [
        'data/policy/pullRequests must be equal to one of the allowed values: public, public_restricted, collaborators, ' +
          'collaborators_quiet',
      ],
    ],
    ['version: 1\nreporting: 5', SCHEMA_1, ['data/reporting must be string', 'data/reporting must be equal to one of']],
    ['version: "1"', SCHEMA_1, ['data/version must be integer']],
    [
      'version: 1\ntasks: x',
      SCHEMA_1,
      ['data/tasks must be array', 'data/tasks must be object', 'data/tasks must match exactly one schema in oneOf'],
    ],
    ['version: 1\ntasks: ~', SCHEMA_1, ['data/tasks must be array', 'data/tasks must be object']],
    ['version: 1\ntasks: [1]', SCHEMA_1, ['data/tasks/0 must be object']],
    ['version: 1\nhooks: [{}]', SCHEMA_1, ["data/hooks/0 must have required property 'name'"]],
    ['version: 1\nautoCancelPreviousChecks: 1', SCHEMA_1, ['data/autoCancelPreviousChecks must be boolean']],
    ['version: 0\nmetadata: {name: x}', SCHEMA_0, ["data/metadata must have required property 'description'"]],
    ['version: 0\npolicy: {}', SCHEMA_0, ['data must NOT have additional properties: "policy"']],
    ['version: 0\ntasks: {}', SCHEMA_0, ['data/tasks must be array']],
    ['version: 0\ntasks: [{created: 2020-01-01}]', SCHEMA_0, ['data/tasks/0/created must be string']],
    ['version: 0\nallowPullRequests: public_restricted', SCHEMA_0, ['data/allowPullRequests must be equal to one of']],
  ];
  for (const [text, url, lines] of violations) {
    it(`is refused in the words of the github service: ${JSON.stringify(text)}`, () => {
      const problem = problemOf(text);
      const start = `.taskcluster.yml (push to branch main):\nSchema Validation Failed!\nRejecting Schema: ${url}\nErrors:\n`;
      assert.ok(problem.startsWith(start), problem);
      for (const line of lines) assert.ok(problem.includes(`\n  * ${line}`), problem);
    });
  }

  it('has at most twenty errors of its schema listed', () => {
    const keys = Array.from({ length: 50 }, (_, index) => `key${index}: 1`);
    const problem = problemOf(['version: 1', ...keys].join('\n'));
    assert.equal(problem.match(/\n {2}\* data must NOT/g)?.length, 20);
    assert.match(problem, /\n {2}\* … and 30 more$/);
  });

  it('is quoted without what would control a terminal, and not at length', () => {
    const problem = problemOf(`version: 1\n"\\e[2J${'x'.repeat(100_000)}": 1`);
    assert.ok(problem.length < 1000);
    assert.doesNotMatch(problem, /\u001b/);
    const long = problemOf(`version: 1\ntasks: [{a: {$eval: "${'('.repeat(50_000)}"}}]`);
    assert.ok(long.length < 10_000);
  });

  it('gives tasks that are nothing but JSON', () => {
    const text = 'version: 1\nhooks: [{name: a/b, context: {at: 2026-01-01}}]\ntasks: [{nan: {$eval: number("x")}}]';
    const { tasks, hooks } = rendered(text);
    assert.deepEqual([tasks[0]?.task['nan'], hooks[0]?.context], [null, { at: '2026-01-01T00:00:00.000Z' }]);
    const [shared] = rendered('version: 1\ntasks: [{a: {$eval: event}, b: {$eval: event}}]').tasks;
    assert.notEqual(shared?.task['a'], shared?.task['b']);
  });

  it('may not be nested more deeply than can be rendered', () => {
    const layer = (index: number): string => `  - &a${index} ${'['.repeat(90)}*a${index - 1}${']'.repeat(90)}`;
    const layers = Array.from({ length: 800 }, (_, index) => layer(index + 1));
    const text = ['version: 0', 'tasks:', '- extra: {github: {events: [push]}}', '  x:', '  - &a0 1', ...layers].join(
      '\n',
    );
    const message =
      /RangeError: Maximum call stack size exceeded \(its values are nested too deeply, or one is too large\)$/;
    assert.match(problemOf(text), message);
    assert.match(problemOf(text.replace('version: 0', 'version: 1')), message);
  });
});

describe('the content of a YAML file', () => {
  it('is that of a .taskcluster.yml when it has a version and tasks or hooks', () => {
    assert.ok(isTaskclusterYml({ version: 1, tasks: [] }));
    assert.ok(isTaskclusterYml({ version: 0, tasks: {} }));
    assert.ok(isTaskclusterYml({ version: 1, hooks: [] }));
    for (const other of [undefined, null, [], 'x', {}, { version: 1 }, { tasks: [] }, { payload: {}, metadata: {} }]) {
      assert.ok(!isTaskclusterYml(other), JSON.stringify(other));
    }
  });
});

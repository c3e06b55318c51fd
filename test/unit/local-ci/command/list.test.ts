import assert from 'node:assert/strict';
import { taskDot, taskJson, taskStages, taskTable } from '../../../../src/local-ci/command/list.js';
import type { RenderedGraph, RenderedTask } from '../../../../src/local-ci/model.js';

function task(taskId: string, name: unknown, dependencies: readonly unknown[] = [], more: object = {}): RenderedTask {
  return { taskId, task: { metadata: { name }, provisionerId: 'p', workerType: 'w', dependencies, ...more } };
}

function graph(...tasks: readonly RenderedTask[]): RenderedGraph {
  return { taskGroupId: 'g', tasks, scopes: ['a:b'], hooks: [] };
}

const DIAMOND = graph(
  task('id-a', 'build'),
  task('id-b', 'test', ['id-a'], { taskQueueId: 'q/r' }),
  task('id-c', 'lint', ['elsewhere']),
  task('id-d', 'publish', ['id-b', 'id-c', 'id-b']),
);

describe('the list of tasks', () => {
  it('is a table in the order of the graph', () => {
    assert.equal(
      taskTable(DIAMOND),
      [
        'TASK     TASK ID  TASK QUEUE  AFTER',
        'build    id-a     p/w',
        'test     id-b     q/r         build',
        'lint     id-c     p/w         elsewhere',
        'publish  id-d     p/w         test, lint, test',
        '',
      ].join('\n'),
    );
  });

  it('is JSON as the API of the github service has it', () => {
    const { tasks, scopes } = DIAMOND;
    assert.deepEqual(JSON.parse(taskJson(DIAMOND)), JSON.parse(JSON.stringify({ tasks, scopes })));
  });

  it('is a graph as text, by stages', () => {
    assert.equal(
      taskStages(DIAMOND),
      [
        'Stage 1',
        '  build',
        '  lint   after elsewhere',
        '',
        'Stage 2',
        '  test  after build',
        '',
        'Stage 3',
        '  publish  after test, lint, test',
        '',
      ].join('\n'),
    );
  });

  it('has all tasks, also those that wait for each other', () => {
    const cycle = graph(task('a', 'one', ['b']), task('b', 'two', ['a']), task('c', 'three'));
    assert.match(taskStages(cycle), /^Stage 1\n {2}three\n\nStage 2\n {2}one {2}after two\n {2}two {2}after one\n$/);
  });

  it('takes definitions of any form', () => {
    const odd = graph(
      { taskId: 'x', task: {} },
      { taskId: 'y', task: { metadata: 7, dependencies: 'x', provisionerId: 1, workerType: [] } },
      { taskId: 'z', task: { metadata: { name: '' }, dependencies: [null, { a: 1 }, 'x'] } },
    );
    assert.equal(taskTable(odd), 'TASK  TASK ID  TASK QUEUE  AFTER\nx     x\ny     y\nz     z                    x\n');
  });

  it('takes time in proportion to its size', () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, index) =>
      task(`t${index}`, `n${index}`, index > 0 ? [`t${index - 1}`] : []),
    );
    assert.equal(taskStages(graph(...chain)).match(/^Stage/gm)?.length, count);
  });
});

describe('the graph for Graphviz', () => {
  it('has an arrow from each task to what waits for it', () => {
    const lines = taskDot(DIAMOND).split('\n');
    assert.ok(lines.includes('  "id-b" [label="test\\nq/r"];'));
    assert.ok(lines.includes('  "elsewhere" [style=dashed];'));
    assert.ok(lines.includes('  "id-a" -> "id-b";'));
    assert.equal(lines.at(0), 'digraph tasks {');
    assert.equal(lines.at(-2), '}');
  });

  it('has no text that could be anything else than text', () => {
    const evil = 'a"]; b [label="\\" ';
    const dot = taskDot(graph(task('id"', `${evil}\n\u001b[31m`, ['x\\'])));
    const strings = dot.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
    const rest = strings.reduce((text, string) => text.replace(string, 'S'), dot);
    assert.equal(
      rest,
      'digraph tasks {\n  rankdir=LR;\n  node [shape=box];\n  S [label=S];\n  S [style=dashed];\n  S -> S;\n}\n',
    );
    assert.doesNotMatch(dot, /\u001b/);
  });
});

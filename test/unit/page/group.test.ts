import assert from 'node:assert/strict';
import type { GroupTask } from '../../../src/page/api/types.js';
import { layoutOf } from '../../../src/page/graph/layout.js';
import { structureOf } from '../../../src/page/graph/structure.js';
import { FrameBatch } from '../../../src/page/live/frame-batch.js';

const task = (taskId: string, ...dependencies: readonly string[]): GroupTask =>
  ({ status: { taskId }, task: { dependencies } }) as unknown as GroupTask;

describe('the graph of a group', () => {
  it('has an edge for each dependency inside of the group', () => {
    const structure = structureOf([task('a', 'elsewhere'), task('b', 'a', 'b'), task('c', 'a', 'b')]);
    assert.deepEqual(structure.nodes, ['a', 'b', 'c']);
    assert.deepEqual(structure.edges, [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'c'],
    ]);
  });

  it('is laid out from left to right, without overlaps', () => {
    const tasks = Array.from({ length: 200 }, (_, index) =>
      index < 10 ? task(`t${index}`) : task(`t${index}`, `t${index % 10}`, `t${Math.floor(index / 2)}`),
    );
    const { places, edges, width, height } = layoutOf(structureOf([...tasks, task('alone')]));
    assert.equal(places.size, 201);
    for (const { from, to } of edges) assert.ok((places.get(from)?.x ?? 0) < (places.get(to)?.x ?? 0), `${from} ${to}`);
    assert.equal(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size, 201);
    for (const { x, y } of places.values()) assert.ok(x > 0 && x < width && y > 0 && y < height);
  });

  it('puts tasks without dependencies into rows', () => {
    const { places, width } = layoutOf(structureOf(Array.from({ length: 40 }, (_, index) => task(`t${index}`))));
    assert.equal(new Set([...places.values()].map(({ y }) => y)).size, 10);
    assert.ok(width < 1000);
  });

  it('is empty without tasks', () => {
    assert.deepEqual(layoutOf(structureOf([])).edges, []);
  });
});

describe('a batch of changes', () => {
  it('is handed over once a frame, in order', () => {
    const frames: (() => void)[] = [];
    const applied: (readonly number[])[] = [];
    const batch = new FrameBatch<number>(
      (items) => applied.push(items),
      (run) => frames.push(run),
    );
    for (const item of [1, 2, 3]) batch.add(item);
    assert.equal(frames.length, 1);
    frames.pop()?.();
    batch.add(4);
    frames.pop()?.();
    assert.deepEqual(applied, [[1, 2, 3], [4]]);
  });

  it('is forgotten when it is cleared', () => {
    const frames: (() => void)[] = [];
    const batch = new FrameBatch<number>(
      () => assert.fail('nothing is left'),
      (run) => frames.push(run),
    );
    batch.add(1);
    batch.clear();
    frames.pop()?.();
  });
});

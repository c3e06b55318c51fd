import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OutputMap } from '../../../src/lib/task-log/output-map.js';

const TEXT = 'begin 100\nown 150 50\nown 300 10\n';

/** Where the output is, as pairs of start and end. */
const spans = (map: OutputMap, size: number) => map.outputSpans(size).map(({ start, end }) => [start, end]);

describe('OutputMap', () => {
  it('returns the entries of its text', () => {
    const map = new OutputMap();
    assert.deepEqual(
      [map.begin(100), map.own(150, 50), map.own(300, 10), map.end(400)],
      ['begin 100\n', 'own 150 50\n', 'own 300 10\n', 'end 400\n'],
    );
    assert.equal(map.toString(), `${TEXT}end 400\n`);
  });

  it('finds the output between the lines of the worker', () => {
    const map = OutputMap.parse(`${TEXT}end 400\n`);
    const expected = [
      [100, 150],
      [200, 300],
      [310, 400],
    ];
    assert.deepEqual(spans(map, 500), expected);
    assert.equal(map.outputBytes(500), 240);
    assert.deepEqual(spans(map, 200), [[100, 150]]);
    assert.deepEqual(spans(map, 170), [[100, 150]]);
    assert.deepEqual(spans(map, 120), [[100, 120]]);
    assert.deepEqual(spans(map, 50), []);
  });

  it('knows where the output ends', () => {
    const map = OutputMap.parse('begin 100\nown 150 50\n');
    assert.deepEqual(
      [120, 150, 170, 250].map((size) => map.outputEnd(size)),
      [120, 150, 150, 250],
    );
    map.end(250);
    assert.equal(map.outputEnd(300), 250);
    assert.equal(OutputMap.parse('begin 100\n').outputEnd(100), 100);
    assert.equal(new OutputMap().outputEnd(100), 0);
  });

  it('has no output before it begins', () => {
    const map = new OutputMap();
    assert.deepEqual(spans(map, 500), []);
    assert.deepEqual([map.hasBegun, map.isOpen, map.isOver, map.isCut], [false, false, false, false]);
    assert.equal(map.cut(5), '');
    assert.equal(map.toString(), '');
  });

  it('begins anew at the last begin', () => {
    const map = OutputMap.parse(`${TEXT}cut 400\nbegin 500\n`);
    assert.deepEqual(spans(map, 600), [[500, 600]]);
    assert.deepEqual([map.isOpen, map.isCut, map.toString()], [true, false, 'begin 500\n']);
  });

  it('continues after an end', () => {
    const map = OutputMap.parse('begin 100\nend 200\n');
    assert.deepEqual([map.isOpen, map.isOver], [false, true]);
    assert.equal(map.reopen(250), 'own 200 50\n');
    const expected = [
      [100, 200],
      [250, 300],
    ];
    assert.deepEqual(spans(map, 300), expected);
    assert.deepEqual(spans(OutputMap.parse('begin 100\nend 200\nown 200 0\n'), 300), [[100, 300]]);
  });

  it('is cut only where the output is not over', () => {
    const map = OutputMap.parse(TEXT);
    assert.equal(map.cut(305), 'cut 305\n');
    assert.deepEqual([map.isCut, map.isOver, map.cut(306)], [true, true, '']);
    assert.equal(map.toString(), 'begin 100\nown 150 50\nown 300 5\ncut 305\n');
    assert.equal(OutputMap.parse('begin 100\nend 200\n').cut(200), '');
    assert.equal(OutputMap.parse('begin 100\nend 200\n').cut(199), 'cut 199\n');
  });

  it('ignores an entry that is not complete, and all from one that is not valid', () => {
    assert.equal(OutputMap.parse(`${TEXT}own 400 5`).toString(), TEXT);
    assert.equal(OutputMap.parse(`${TEXT}own 400 x\nown 500 5\n`).toString(), TEXT);
    assert.equal(OutputMap.parse(`${TEXT}own 1${'0'.repeat(20)} 1\n`).toString(), TEXT);
  });

  for (const [size, expected] of [
    [400, `${TEXT}end 400\n`],
    [399, TEXT],
    [305, 'begin 100\nown 150 50\nown 300 5\n'],
    [300, 'begin 100\nown 150 50\n'],
    [100, 'begin 100\n'],
    [99, ''],
    [0, ''],
  ] as const) {
    it(`drops what is about bytes that a log of ${size} bytes lacks`, () => {
      const map = OutputMap.parse(`${TEXT}end 400\n`);
      map.clip(size);
      assert.equal(map.toString(), expected);
    });
  }

  it('drops a cut that the log does not tell', () => {
    for (const [size, isCut] of [
      [399, false],
      [400, false],
      [401, true],
    ] as const) {
      const map = OutputMap.parse(`${TEXT}cut 400\n`);
      map.clip(size);
      assert.deepEqual([map.isCut, map.isOver], [isCut, isCut]);
    }
  });

  it('is the same once its text was read, for any entries in any log', () => {
    const entry = fc.oneof(
      fc.nat(99).map((at) => `begin ${at}\n`),
      fc.tuple(fc.nat(99), fc.nat(20)).map(([at, length]) => `own ${at} ${length}\n`),
      fc.nat(99).map((at) => `end ${at}\n`),
      fc.nat(99).map((at) => `cut ${at}\n`),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(entry), fc.nat(120), (entries, size) => {
        const map = OutputMap.parse(entries.join(''));
        map.clip(size);
        const copy = OutputMap.parse(map.toString());
        assert.equal(copy.toString(), map.toString());
        assert.deepEqual(copy.outputSpans(size), map.outputSpans(size));
        for (const { start, end } of map.outputSpans(size)) assert.ok(0 <= start && start < end && end <= size);
      }),
    );
  });
});

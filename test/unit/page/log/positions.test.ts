import assert from 'node:assert/strict';
import { clickedRange, formatLineRange, parseLineRange } from '../../../../src/page/log/line-range.js';
import { GrowingNumbers } from '../../../../src/page/log/growing-numbers.js';
import { neighbour } from '../../../../src/page/log/neighbour.js';
import { ScrollMap } from '../../../../src/page/log/scroll-map.js';

const listOf = (...numbers: readonly number[]): GrowingNumbers => {
  const list = new GrowingNumbers();
  for (const number of numbers) list.push(number);
  return list;
};

describe('a list of numbers that grows', () => {
  it('has what was added, over the borders of its blocks', () => {
    const list = new GrowingNumbers();
    for (let number = 0; number < 200_000; number++) list.push(number * 2);
    assert.deepEqual([list.length, list.at(0), list.at(65_536), list.at(199_999)], [200_000, 0, 131_072, 399_998]);
    assert.equal(list.at(200_000), 0);
    assert.deepEqual(
      [0, 1, 2, 3, 399_998, 500_000].map((value) => list.countBelow(value)),
      [0, 1, 1, 2, 199_999, 200_000],
    );
  });
});

describe('jumping', () => {
  it('goes to the next and the previous one, and begins anew at the ends', () => {
    const list = listOf(3, 7, 9);
    assert.deepEqual(
      [-1, 3, 5, 9, 20].map((line) => neighbour(list, line, 'next')),
      [0, 1, 1, 0, 0],
    );
    assert.deepEqual(
      [-1, 3, 5, 9, 20].map((line) => neighbour(list, line, 'previous')),
      [2, 2, 0, 1, 2],
    );
    assert.equal(neighbour(listOf(), 1, 'next'), undefined);
  });
});

describe('the lines in an address', () => {
  it('are one or several, in either order', () => {
    assert.deepEqual(parseLineRange('#L12'), { first: 12, last: 12 });
    for (const hash of ['#L12-L30', '#L12-30', '#L30-L12', 'L12-L30']) {
      assert.deepEqual(parseLineRange(hash), { first: 12, last: 30 }, hash);
    }
    assert.deepEqual(
      [
        { first: 12, last: 12 },
        { first: 12, last: 30 },
      ].map(formatLineRange),
      ['#L12', '#L12-L30'],
    );
  });

  it('are nothing else', () => {
    for (const hash of ['', '#', '#L', '#L0', '#L3-L0', '#l3', '#L3-', '#L3x', '#L12345678901', '#other']) {
      assert.equal(parseLineRange(hash), undefined, hash);
    }
  });
});

describe('a click on the number of a line', () => {
  it('selects it, or with shift all from those selected before', () => {
    assert.deepEqual(clickedRange(5, false, { first: 1, last: 2 }), { first: 5, last: 5 });
    assert.deepEqual(clickedRange(5, true, undefined), { first: 5, last: 5 });
    assert.deepEqual(clickedRange(5, true, { first: 2, last: 3 }), { first: 2, last: 5 });
    assert.deepEqual(clickedRange(2, true, { first: 4, last: 6 }), { first: 2, last: 6 });
  });
});

describe('the place of a scroll bar', () => {
  it('is that of the content while an element can be so high', () => {
    const map = new ScrollMap();
    map.resize(50_000, 500);
    assert.equal(map.elementPx, 50_000);
    map.scrolledTo(40_000);
    assert.deepEqual([map.top, map.elementTop, map.settled()], [40_000, 40_000, 40_000]);
    assert.equal(map.moveTo(1e9), 49_500);
  });

  it('stands for more in a content that is higher, but a wheel moves by pixels', () => {
    const map = new ScrollMap();
    map.resize(36_000_000, 500);
    assert.equal(map.elementPx, 10_000_000);
    map.scrolledTo(5_000_000);
    const { top } = map;
    assert.ok(Math.abs(top - 18_000_000) < 2000);
    map.scrolledTo(5_000_100);
    assert.equal(map.top, top + 100);
    const settled = map.settled();
    map.scrolledTo(settled + 50);
    assert.equal(map.top, top + 150);
  });

  it('reaches both ends', () => {
    const map = new ScrollMap();
    map.resize(36_000_000, 500);
    map.scrolledTo(9_999_500);
    assert.equal(map.top, 35_999_500);
    map.scrolledTo(0);
    assert.equal(map.top, 0);
    assert.equal(map.moveTo(35_999_500), 9_999_500);
  });

  it('stays where it is while the content grows, and is 0 where all fits', () => {
    const map = new ScrollMap();
    map.resize(9_000_000, 500);
    map.moveTo(8_000_000);
    map.resize(20_000_000, 500);
    assert.equal(map.top, 8_000_000);
    map.resize(100, 500);
    assert.deepEqual([map.top, map.maxTop, map.elementPx], [0, 0, 500]);
  });
});

import assert from 'node:assert/strict';
import { summaryOf } from '../../../src/page/format/log-summary.js';
import { ageInWords, bytesInWords, durationInWords } from '../../../src/page/format/quantities.js';
import { shortened, visible } from '../../../src/page/format/visible-text.js';

describe('the texts of the page', () => {
  it('show characters that would reverse or hide others', () => {
    assert.equal(visible('a\u202eb\u200bc\u0007d\ufeff'), 'a⟨202E⟩b⟨200B⟩c⟨0007⟩d⟨FEFF⟩');
    assert.equal(visible('tabs\tand\nlines, ü, 漢, 🙂'), 'tabs\tand\nlines, ü, 漢, 🙂');
  });

  it('are shortened to whole characters', () => {
    assert.equal(shortened('abcdef', 6), 'abcdef');
    assert.equal(shortened('abcdefg', 6), 'abcde…');
    assert.equal(shortened('🙂'.repeat(9), 4), '🙂🙂🙂…');
  });

  it('name sizes and times', () => {
    assert.deepEqual([999, 1000, 999_950, 12_345_678].map(bytesInWords), ['999 bytes', '1.0 kB', '1.0 MB', '12.3 MB']);
    assert.deepEqual([-5, 1234, 59_400, 61_000, 3_660_000, 200_000_000].map(durationInWords), [
      '0.0 s',
      '1.2 s',
      '59 s',
      '1 min 1 s',
      '1 h 1 min',
      '2 days 7 h',
    ]);
    const now = Date.parse('2026-01-02T00:00:00Z');
    assert.equal(ageInWords('2026-01-01T23:55:00Z', now), '5 min ago');
    assert.equal(ageInWords('2026-01-05T00:00:00Z', now), 'in 3 days');
    assert.equal(ageInWords('2026-01-02T00:00:01Z', now), 'now');
    assert.equal(ageInWords('no time', now), 'no time');
  });
});

describe('the summary of a log', () => {
  const at = '[taskcluster 2026-12-01 00:00:01.000Z] ';
  const end = [
    `${at}=== Task Finished ===`,
    `${at}Resources: peak memory 12.0 MB, 0.4 CPU seconds`,
    `${at}Times: image 1.0 s, task 4.2 s`,
    '',
  ].join('\n');

  it('has what the worker wrote at the end', () => {
    assert.deepEqual(summaryOf(end), {
      resources: ['peak memory 12.0 MB', '0.4 CPU seconds'],
      times: [
        { part: 'image', seconds: 1 },
        { part: 'task', seconds: 4.2 },
      ],
    });
  });

  it('has nothing that the task printed', () => {
    assert.deepEqual(summaryOf(`${at}Times: forged 9.0 s\n${at}=== Task Finished ===\n`), { resources: [], times: [] });
    assert.deepEqual(summaryOf('Times: forged 9.0 s\n'), { resources: [], times: [] });
  });
});

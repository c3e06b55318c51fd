import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { SecretMask } from '../../../../src/local-ci/graph/secret-mask.js';
import { secretTexts } from '../../../../src/local-ci/graph/secret-texts.js';
import { seededRandom } from '../../../support/seeded-random.js';

describe('the mask of secrets', () => {
  /** Sends the text through the mask in pieces of these sizes, again and again. */
  function masked(secrets: readonly string[], text: string, ...sizes: number[]): string {
    const stream = new SecretMask(secrets).stream();
    const bytes = Buffer.from(text);
    const parts: Buffer[] = [];
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] ?? 1);
      parts.push(Buffer.from(stream.push(bytes.subarray(at, at + size))));
      at += size;
    }
    return Buffer.concat([...parts, stream.end()]).toString();
  }

  it('replaces every secret, however it is spread over pieces', () => {
    for (const sizes of [[], [1], [2], [3, 1], [5]]) {
      assert.equal(masked(['hunter2', 'swordfish'], 'a hunter2 b swordfish', ...sizes), 'a *** b ***');
    }
  });

  it('passes what only begins like a secret, as soon as that is clear', () => {
    const stream = new SecretMask(['hunter2']).stream();
    assert.equal(stream.push(Buffer.from('a hunt')).toString(), 'a ');
    assert.equal(stream.push(Buffer.from('ing')).toString(), 'hunting');
    assert.equal(stream.push(Buffer.from('hun')).toString(), '');
    assert.equal(stream.end().toString(), 'hun');
  });

  it('makes one mask of secrets that overlap, contain or follow each other', () => {
    assert.equal(masked(['abcd', 'cdef'], 'x abcdef y', 1), 'x *** y');
    assert.equal(masked(['abcdef', 'cd'], 'x abcdef y cd', 1), 'x *** y ***');
    assert.equal(masked(['abcdef', 'cd'], 'abcdx', 1), 'ab***x');
    assert.equal(masked(['abcd'], 'abcdabcd', 3), '***');
    assert.equal(masked(['aaaa'], 'aaaaaa', 1), '***');
  });

  it('masks like a search for each secret does', () => {
    const numbers = seededRandom();
    const random = (): number => numbers.next();
    const letters = (length: number): string => Array.from({ length }, () => 'ab'[Math.floor(random() * 2)]).join('');
    for (let i = 0; i < 300; i++) {
      const secrets = Array.from({ length: 3 }, () => letters(1 + Math.floor(random() * 5)));
      const text = letters(Math.floor(random() * 40));
      const isSecret = Array.from(text, () => false);
      for (const secret of secrets) {
        for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1))
          isSecret.fill(true, at, at + secret.length);
      }
      const marked = Array.from(text, (letter, at) => (isSecret[at] ? '#' : letter)).join('');
      const expected = marked.replace(/#+/g, '***');
      assert.equal(masked(secrets, text, 1 + Math.floor(random() * 4)), expected, `${secrets.join()} in ${text}`);
    }
  });

  it('passes everything without secrets', () => {
    const bytes = Buffer.from([0, 255, 10]);
    assert.equal(new SecretMask([]).stream().push(bytes), bytes);
    assert.equal(new SecretMask(['']).text('abc'), 'abc');
  });

  it('masks texts and streams', async () => {
    const mask = new SecretMask(['hunter2']);
    assert.equal(mask.text('my hunter2'), 'my ***');
    const stream = mask.transform();
    stream.write('hun');
    stream.end('ter2!');
    assert.equal((await buffer(stream)).toString(), '***!');
  });
});

describe('the texts of secrets', () => {
  it('are all strings of at least four characters at any depth, and their lines', () => {
    const texts = secretTexts({
      a: { token: 'hunter2', list: ['one two', 'abc', 7, null] },
      key: 'BEGIN KEY\r\nbase64==\nend',
    });
    for (const text of ['hunter2', 'one two', 'BEGIN KEY', 'base64==']) assert.ok(texts.includes(text), text);
    assert.ok(!texts.includes('abc'));
    assert.ok(!texts.includes('end'));
    assert.ok(!texts.includes('token'));
  });

  it('are also masked as they are in URLs and in JSON', () => {
    const texts = secretTexts({ a: 'a b"c&d' });
    assert.ok(texts.includes('a%20b%22c%26d'));
    assert.ok(texts.includes('a b\\"c&d'));
  });

  it('are also masked as they are in base64, whatever stands before them', () => {
    const secret = 'hunter2-swordfish+?>';
    const { text } = new SecretMask(secretTexts({ a: secret }));
    for (const before of ['', 'u', 'us', 'usr:', 'user:']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const shown = text(Buffer.from(`${before}${secret}\n`).toString(encoding));
        assert.match(shown, /^[\w+/-]{0,8}\*\*\*[\w+/=-]{0,4}$/);
      }
    }
  });

  it('are also numbers and times, which YAML makes of some passwords', () => {
    const texts = secretTexts({ pin: 20241231, short: 123, time: new Date('2024-01-01') });
    assert.ok(texts.includes('20241231'));
    assert.ok(!texts.includes('123'));
    assert.ok(texts.includes('2024-01-01T00:00:00.000Z'));
  });

  it('leave out what is blank, and endings of lines', () => {
    assert.deepEqual(secretTexts({ a: '     ', b: 'hunter2\n' }).toSorted(), [
      'aHVudGVy',
      'aHVudGVyMg',
      'aHVudGVyMg==',
      'dW50ZXIy',
      'hunter2',
      'hunter2\n',
      'hunter2%0A',
      'hunter2\\n',
    ]);
  });

  it('of a long text with many lines are its lines', () => {
    const long = Array.from({ length: 200 }, (_, i) => `line number ${i} of a long text`).join('\n');
    assert.ok(secretTexts(long).every((text) => text.length < 100));
  });

  it('are found in deep and wide values', () => {
    let deep: unknown = 'hunter2';
    for (let i = 0; i < 100_000; i++) deep = [deep];
    assert.ok(secretTexts(deep).includes('hunter2'));
  });
});

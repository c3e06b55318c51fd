import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import got from 'got';
import { Daemon } from '../support/daemon.js';

const FILES = 2000;
const BIG_BYTES = 500 * 1024 * 1024;
const TEXT_BYTES = 200 * 1024 * 1024;

/** Many small files, every tenth of them noise, and two big ones: of noise, and of text. */
const SCRIPT = `
  mkdir -p /out/sub
  i=0; while [ $i -lt ${FILES - 1} ]; do
    case $i in *7) head -c 20000 /dev/urandom;; *) seq $i $((i+2000));; esac >/out/sub/file-$i; i=$((i+1))
  done
  head -c ${BIG_BYTES} /dev/urandom >/big
  seq 1 100000000 | head -c ${TEXT_BYTES} >/vol/text
  cd / && sha256sum big vol/text out/sub/* >/out/sums`;

describe('big artifacts', () => {
  let daemon: Daemon;
  before(async () => {
    daemon = await Daemon.start();
  });
  after(() => daemon.stop());

  const sha256Of = async (url: string): Promise<string> => {
    const hash: Hash = createHash('sha256');
    await pipeline(got.stream(url), hash);
    return hash.digest('hex');
  };

  it('are stored as they are, all of them, in little memory', async () => {
    const taskId = await daemon.create(SCRIPT, {
      artifacts: {
        'public/big': { type: 'file', path: '/big' },
        'public/out': { type: 'directory', path: '/out' },
        'public/vol': { type: 'volume', path: '/vol' },
      },
    });
    await daemon.succeeds(taskId);
    await daemon.assertPeakBelow(250);
    const sums = await got(daemon.urlOf(taskId, 'public/out/sums')).text();
    const wanted = sums
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/) as [string, string]);
    assert.equal(wanted.length, FILES + 1);
    const checkNext = async (): Promise<void> => {
      for (let next = wanted.pop(); next; next = wanted.pop()) {
        const [sha256, path] = next;
        assert.equal(await sha256Of(daemon.urlOf(taskId, `public/${path}`)), sha256, path);
      }
    };
    await Promise.all(Array.from({ length: 8 }, checkNext));
    const { headers } = await got.head(daemon.urlOf(taskId, 'public/big'), { decompress: false });
    assert.deepEqual([headers['content-encoding'], headers['content-length']], [undefined, String(BIG_BYTES)]);
  });
});

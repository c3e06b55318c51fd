import { Readable } from 'node:stream';
import fc from 'fast-check';
import { tarEntries } from '../../../src/lib/artifacts/extract-tar.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { allowing, expect } from '../expect.js';
import { chunkBytes, chunksOf, mutated } from '../inputs/bytes.js';
import { rawTar, wildTar } from '../inputs/image-archives.js';
import type { RawEntry } from '../inputs/image-archives.js';
import { size, textOf } from '../inputs/text.js';
import { pureTarget } from '../target.js';
import type { Target } from '../target.js';

const NEVER = new AbortController().signal;

const plainEntry: fc.Arbitrary<RawEntry> = fc
  .record({
    name: textOf(['a', 'b', '/', 'dir/'], 90),
    type: fc.constantFrom('0', '0', '0', '5', '2', '1', '3', '4', '6'),
    length: size(150_000),
    linkname: fc.constantFrom('', 'a', '../x'),
    saysLength: fc.boolean(),
  })
  .map(({ name, type, length, linkname, saysLength }) => {
    const content = Buffer.alloc(type === '0' ? length : 0, 'x');
    // Nothing follows the header of what is no file, whatever size it tells.
    return { name, type, linkname, content, ...(saysLength && type !== '0' && { bytes: length }) };
  });

/** What happens to the content of a file. */
const reading = fc.constantFrom('whole', 'not at all', 'in part');

const artifactTar = pureTarget({
  name: 'artifact-tar',
  about: "archives of a container's files, as the engine sends them",
  inputs: fc.record({
    bytes: fc.oneof(
      { weight: 3, arbitrary: mutated(fc.array(plainEntry, { maxLength: 8 }).map((entries) => rawTar(entries))) },
      { weight: 1, arbitrary: wildTar },
      { weight: 1, arbitrary: mutated(wildTar) },
    ),
    step: chunkBytes,
    reading,
  }),
  attempt: async ({ bytes, step, reading: how }) => {
    await allowing([DockerError], async () => {
      for await (const entry of tarEntries(Readable.from(chunksOf(bytes, step)), NEVER)) {
        if (entry.kind !== 'file' || how === 'not at all') continue;
        const { content } = entry;
        let length = 0;
        if (Buffer.isBuffer(content)) length = content.length;
        else {
          for await (const chunk of content as AsyncIterable<Buffer>) {
            length += chunk.length;
            if (how === 'in part') break;
          }
        }
        if (how === 'whole') expect(length === entry.size, `a file of ${entry.size} bytes has ${length}`);
      }
    });
  },
});

export const ARTIFACT_TAR: readonly Target[] = [artifactTar];

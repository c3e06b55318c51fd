import type { AmiRecord, Amis } from './ami-record.js';

const AMAZON_EBS = 'mitchellh.amazonebs';

/**
 * What `packer build -machine-readable` prints: lines of `time,builder,type,data…`. Collects the AMIs and what went wrong, and
 * gives the lines meant for people.
 */
export class PackerOutput {
  readonly #builderIds = new Map<string, string>();
  readonly #artifacts = new Map<string, string>();
  readonly #errors = new Map<string, string>();

  /** Takes one line; returns the text in it for people, if any. */
  read(line: string): string | undefined {
    const [, target = '', type, ...data] = line.split(',').map(unescaped);
    const builder = shortName(target);
    if (type === 'ui') return data.slice(1).join(',');
    if (type === 'error') this.#errors.set(builder, data.join(','));
    if (type === 'artifact') this.#readArtifact(builder, data);
    return undefined;
  }

  #readArtifact(builder: string, [index = '', key, value = '']: readonly string[]): void {
    const artifact = `${builder}/${index}`;
    if (key === 'builder-id') this.#builderIds.set(artifact, value);
    if (key === 'id') this.#artifacts.set(artifact, value);
  }

  /** The AMIs that were made, by builder. */
  get builders(): AmiRecord['builders'] {
    const made = [...this.#artifacts].filter(([artifact]) => this.#builderIds.get(artifact) === AMAZON_EBS);
    return Object.fromEntries(made.map(([artifact, id]) => [artifact.slice(0, artifact.lastIndexOf('/')), amisIn(id)]));
  }

  /** Why builders failed, by builder. */
  get errors(): ReadonlyMap<string, string> {
    return this.#errors;
  }
}

/** A builder's name as the template has it: since packer 1.8.6 its type stands before it, as in `amazon-ebs.hvm-builder`. */
function shortName(target: string): string {
  return target.slice(target.indexOf('.') + 1);
}

/** From `region:ami,region:ami`. */
function amisIn(id: string): Amis {
  return Object.fromEntries(id.split(',').map((pair) => pair.split(':') as [string, string]));
}

/** Packer writes commas and ends of lines within data in a way of its own. */
function unescaped(text: string): string {
  return text.replaceAll('%!(PACKER_COMMA)', ',').replaceAll('\\n', '\n').replaceAll('\\r', '\r');
}

import type { AmiRecord, Amis } from './ami-record.js';

const AMAZON_EBS = 'mitchellh.amazonebs';

/**
 * The output of `packer build -machine-readable`: lines of `time,builder,type,data…`. Collects the AMIs and the errors,
 * and returns the lines meant for people.
 */
export class PackerOutput {
  readonly #builderIds = new Map<string, string>();
  readonly #artifacts = new Map<string, string>();
  readonly #errors = new Map<string, string>();

  /** Reads one line; returns its text for people, if any. */
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

  /** The AMIs that were built, by builder. */
  get builders(): AmiRecord['builders'] {
    const made = [...this.#artifacts].filter(([artifact]) => this.#builderIds.get(artifact) === AMAZON_EBS);
    return Object.fromEntries(made.map(([artifact, id]) => [artifact.slice(0, artifact.lastIndexOf('/')), amisIn(id)]));
  }

  /** The errors of failed builders, by builder. */
  get errors(): ReadonlyMap<string, string> {
    return this.#errors;
  }
}

/**
 * Returns a builder's name as in the template: since packer 1.8.6 its type precedes it, as in `amazon-ebs.hvm-builder`.
 */
function shortName(target: string): string {
  return target.slice(target.indexOf('.') + 1);
}

/** Parses `region:ami,region:ami`. */
function amisIn(id: string): Amis {
  return Object.fromEntries(id.split(',').map((pair) => pair.split(':') as [string, string]));
}

/** Decodes packer's own escapes for commas and line breaks within data. */
function unescaped(text: string): string {
  return text.replaceAll('%!(PACKER_COMMA)', ',').replaceAll('\\n', '\n').replaceAll('\\r', '\r');
}

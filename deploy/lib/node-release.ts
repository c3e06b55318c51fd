import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VARIABLES } from '../variables.js';
import { DeployError } from './deploy-error.js';

/** An archive of Node.js for x64 from nodejs.org. */
export interface NodeRelease {
  /** Its name without `.tar.xz`; also the name of the folder in it. */
  readonly name: string;
  readonly url: string;
  readonly sha256: string;
}

/**
 * Returns the Node.js release of the machines, with the checksum from the script that installs it. Throws DeployError.
 */
export async function findNodeRelease(deployFolder: string): Promise<NodeRelease> {
  const version = VARIABLES.find(({ name }) => name === 'nodeVersion')?.defaultValue?.({}) ?? '';
  const script = join(deployFolder, 'packer/base/scripts/node.sh');
  const line = (await readFile(script, 'utf8')).split('\n').find((each) => each.includes(`[${version}-linux-x64]=`));
  const sha256 = line?.split('=')[1]?.trim();
  if (sha256 === undefined) {
    throw new DeployError(`The checksum of Node.js ${version} is not known. Add it to CHECKSUMS in ${script}.`);
  }
  const name = `node-v${version}-linux-x64`;
  return { name, url: `https://nodejs.org/dist/v${version}/${name}.tar.xz`, sha256 };
}

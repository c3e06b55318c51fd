import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import { describeTarballs } from './describe-build.js';
import { buildTarballs } from './run-build.js';
import type { BuildMachine } from './run-build.js';
import { commandLine } from './tools.js';
import type { Call } from './tools.js';

/** Builds the machine's tarballs and, from those, the image for packet.net. Throws DeployError. */
export async function buildPacket(machine: BuildMachine): Promise<void> {
  await buildTarballs(machine);
  const call = packetCall(machine);
  const code = await machine.tools.run(call);
  if (code !== 0) throw new DeployError(`${commandLine(call)} failed; see its output.`);
}

/** Prints what `buildPacket` would do. Throws DeployError for problems that are already known. */
export async function describePacket(machine: BuildMachine): Promise<void> {
  await describeTarballs(machine);
  machine.terminal.say('Would run');
  machine.terminal.say(`  ${commandLine(packetCall(machine))}`);
}

function packetCall({ deployFolder }: BuildMachine): Call {
  return { command: join(deployFolder, 'bin/build-packet.sh'), args: [] };
}

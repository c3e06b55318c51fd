import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Command } from 'commander';
import { DeployError } from '../lib/deploy-error.js';
import { runProgram } from '../lib/program.js';

/** Creates the file; throws a DeployError if it exists. */
async function createPrivate(file: string, content: string): Promise<void> {
  try {
    await using created = await open(file, 'wx', 0o600);
    await created.writeFile(content);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new DeployError(
        `${file} already exists and is not overwritten: a lost key can't be restored. Name another file.`,
      );
    }
    throw new DeployError(`The key could not be written to ${file}.`, { cause: error });
  }
}

/** Returns a part of a key, which its JSON form (RFC 8037) encodes as base64url, in plain base64. */
function base64Of(part: string | undefined): string {
  return Buffer.from(part ?? '', 'base64url').toString('base64');
}

const command = new Command('gen-ed25519-key')
  .description(
    'Creates a key for chain of trust: writes base64 of the ed25519 seed to a file that only you may read, and prints ' +
      'base64 of the public key, for verifiers.',
  )
  .argument('<file>', 'file to create; an existing one is not overwritten')
  .option('--dry-run', 'only print what would be done')
  .action(async (file: string, { dryRun }: { readonly dryRun?: true }) => {
    if (dryRun) {
      process.stdout.write(existsSync(file) ? `${file} exists already.\n` : `Would write a new key to ${file}.\n`);
      return;
    }
    const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    await createPrivate(file, `${base64Of(jwk.d)}\n`);
    process.stdout.write(`${base64Of(jwk.x)}\n`);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));

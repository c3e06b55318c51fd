#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { errorMessage } from '../lib/util/error-message.js';
import { packageFile, packageVersion } from '../lib/util/package-file.js';

const FAILED = 1;
const BAD_USAGE = 2;
const SCHEMA = packageFile('schemas/v1/payload.json');

interface Flags {
  readonly bucket: string;
  readonly prefix: string;
  readonly region?: string;
  readonly endpointUrl?: string;
  readonly dryRun?: true;
}

class UploadError extends Error {}

/** Throws an UploadError if the schema is not valid JSON, so that its readers could not use it. */
function checkSchema(): void {
  try {
    JSON.parse(readFileSync(SCHEMA, 'utf8'));
  } catch (error) {
    throw new UploadError(`${SCHEMA} is not a JSON file: ${errorMessage(error)}`);
  }
}

/** Returns the arguments for the AWS CLI, which finds the credentials and signs the request. */
function awsArguments({ bucket, prefix, region, endpointUrl }: Flags): readonly string[] {
  const key = [...prefix.split('/').filter((part) => part !== ''), 'payload.json'].join('/');
  return [
    ...(endpointUrl === undefined ? [] : ['--endpoint-url', endpointUrl]),
    ...(region === undefined ? [] : ['--region', region]),
    ...['s3api', 'put-object', '--bucket', bucket, '--key', key, '--body', SCHEMA],
    ...['--content-type', 'application/json', '--cache-control', 'max-age=300'],
  ];
}

function upload(flags: Flags): string {
  checkSchema();
  const args = awsArguments(flags);
  if (flags.dryRun) return `Would run: aws ${args.join(' ')}\n`;
  const { error, status, stderr } = spawnSync('aws', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (error) {
    const isMissing = 'code' in error && error.code === 'ENOENT';
    const remedy = 'Install the AWS CLI (https://aws.amazon.com/cli; apt-get install awscli on Debian).';
    throw new UploadError(isMissing ? `aws: not found. ${remedy}` : `aws could not be run: ${errorMessage(error)}`);
  }
  if (status !== 0) {
    throw new UploadError(
      `aws ${args.join(' ')} failed: ${stderr.trim()}\nCheck that there are AWS credentials (AWS_PROFILE, or ` +
        `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) with the permission s3:PutObject for the bucket ${flags.bucket}.`,
    );
  }
  return `Uploaded ${SCHEMA} to s3://${flags.bucket}/${args[args.indexOf('--key') + 1] ?? ''}\n`;
}

const command = new Command('upload-schema')
  .description(
    "Uploads the schema of a task's payload, schemas/v1/payload.json, to S3, where documentation and tools read it. " +
      'Uses the AWS CLI, with the credentials from the environment.',
  )
  .requiredOption('--bucket <name>', 'S3 bucket')
  .option('--prefix <path>', 'prefix of the key', 'docker-worker/v1')
  .option('--region <region>', 'region of the bucket (default: that of your AWS configuration)')
  .option('--endpoint-url <url>', "an S3 service other than AWS's")
  .option('--dry-run', 'only print the command that would run')
  .version(packageVersion())
  .showHelpAfterError('(--help shows all options)')
  .exitOverride()
  .action((flags: Flags) => {
    process.stdout.write(upload(flags));
  });

try {
  command.parse();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`upload-schema: ${errorMessage(error)}\n`);
    process.exitCode = FAILED;
  }
}

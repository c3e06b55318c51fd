import { join } from 'node:path';
import { baseAmiOf, planBuild, TRUSTED, ubuntuAmiCall, UNTRUSTED } from './build-plan.js';
import type { BuildOptions } from './build-plan.js';
import { templateUses } from './build-template.js';
import { DeployError } from './deploy-error.js';
import { readDeployJson } from './deploy-json.js';
import { describePacker } from './packer.js';
import { refuseUnknown, secretNames, variableNamed } from './resolve-variables.js';
import { recordsIn, versionOf } from './run-build.js';
import type { BuildMachine } from './run-build.js';
import type { Terminal } from './terminal.js';
import { withoutQuestions } from './terminal.js';
import { commandLine } from './tools.js';
import { workerTarballIn } from './worker-tarball.js';

/**
 * Prints what `runBuild` would do, step by step, without doing it. Throws DeployError for problems that are already
 * known.
 */
export async function describeBuild(options: BuildOptions, machine: BuildMachine): Promise<void> {
  const { env, deployFolder } = machine;
  const terminal = withoutQuestions(machine.terminal);
  const sourceAmi = options.sourceAmi ?? describeSourceAmi(options, terminal);
  const checkout = { version: await versionOf(machine), deployFolder };
  const plan = await planBuild({ ...options, sourceAmi }, checkout, { env, terminal, now: new Date() });
  if (options.target === 'app') await describeTarballs({ ...machine, terminal });
  terminal.say('Would run');
  for (const line of describePacker(plan, secretNames())) terminal.say(`  ${line}`);
  if (options.target === 'app' && !options.isTest && !plan.builders.includes(TRUSTED)) {
    terminal.say(`  and, with chainOfTrustKey among the secrets, with -only=${UNTRUSTED},${TRUSTED}`);
  }
  terminal.say(`Would write the ids of the AMIs to ${join(recordsIn(deployFolder), `${plan.amiName}.json`)}.`);
}

/** Does the same for `buildTarballs`. */
export async function describeTarballs({ terminal, env, deployFolder }: BuildMachine): Promise<void> {
  terminal.say(`Would compile the worker (npm run build) and pack it into ${workerTarballIn(deployFolder)}.`);
  const uses = await templateUses(deployFolder);
  refuseUnknown(uses);
  const known = await readDeployJson(join(deployFolder, 'deploy.json'));
  const names = [...new Set(uses.map(({ variable }) => variable))].sort();
  terminal.say(
    `Would render deploy/template and pack it into ${join(deployFolder, 'deploy.tar.gz')} (make -C deploy).`,
  );
  terminal.say(`  It uses ${names.join(', ')}.`);
  const missing = names.filter(
    (name) => known[name] === undefined && variableNamed(name)?.defaultValue?.(env) === undefined,
  );
  if (missing.length > 0) terminal.say(`  The password store must contain ${missing.join(', ')}.`);
}

function describeSourceAmi({ target, deployment }: BuildOptions, terminal: Terminal): string {
  if (target === 'base') {
    terminal.say('Would ask AWS for the newest Ubuntu 24.04:');
    terminal.say(`  ${commandLine(ubuntuAmiCall(deployment.region))}`);
    return '(the newest Ubuntu 24.04)';
  }
  try {
    return baseAmiOf(deployment);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    // A dry run continues, to show the remaining steps.
    terminal.say(`Would stop here: ${error.message}`);
    return `(the base AMI of ${deployment.account})`;
  }
}

import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { load } from 'js-yaml';
import { errorMessage } from '../../src/lib/util/error-message.js';
import { DeployError } from './deploy-error.js';
import { trimEnd } from '../../src/lib/util/trim-end.js';

/** A Taskcluster deployment, as deploy/deployments.yml describes it. */
export interface Deployment {
  readonly rootUrl: string;
  readonly name: string;
  /** Alias of the AWS account. */
  readonly account: string;
  readonly region: string;
  readonly amiRegions: readonly string[];
  readonly updateWorkerPools: boolean;
  /** The AMI that app AMIs are built on; undefined when none was built for the account. */
  readonly baseAmi: string | undefined;
}

interface Entry {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly amiRegions: readonly string[];
  readonly updateWorkerPools: boolean;
}

interface Table {
  readonly deployments: Readonly<Record<string, Entry>>;
  readonly accounts: Readonly<Record<string, { readonly baseAmi?: string }>>;
}

const REGION = { type: 'string', pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]+$' } as const;
const ENTRY = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'account', 'region', 'amiRegions', 'updateWorkerPools'],
  properties: {
    name: { type: 'string', pattern: '^[A-Za-z0-9._-]+$' },
    account: { type: 'string', minLength: 1 },
    region: REGION,
    amiRegions: { type: 'array', minItems: 1, items: REGION },
    updateWorkerPools: { type: 'boolean' },
  },
} as const;
const ACCOUNT = {
  type: 'object',
  additionalProperties: false,
  properties: { baseAmi: { type: 'string', pattern: '^ami-[0-9a-f]+$' } },
} as const;
const TABLE = {
  type: 'object',
  additionalProperties: false,
  required: ['deployments', 'accounts'],
  properties: {
    deployments: { type: 'object', additionalProperties: ENTRY },
    accounts: { type: 'object', additionalProperties: ACCOUNT },
  },
} as const;

/**
 * Returns the deployments in a file such as deploy/deployments.yml. Throws a DeployError that names what is wrong in
 * it.
 */
export async function readDeployments(file: string): Promise<readonly Deployment[]> {
  const table = checked(file, await parsed(file));
  return Object.entries(table.deployments).map(([rootUrl, entry]) => {
    const account = table.accounts[entry.account];
    if (!account) {
      throw new DeployError(
        `${file}: ${rootUrl} has the account ${entry.account}, which is missing under \`accounts\`.`,
      );
    }
    return { ...entry, rootUrl: normal(rootUrl), baseAmi: account.baseAmi };
  });
}

/** Returns the deployment at `rootUrl`. Throws a DeployError that lists the known ones. */
export function findDeployment(deployments: readonly Deployment[], rootUrl: string): Deployment {
  const found = deployments.find((each) => each.rootUrl === normal(rootUrl));
  if (found) return found;
  const known = deployments.map((each) => `  ${each.rootUrl}`).join('\n');
  throw new DeployError(
    `TASKCLUSTER_ROOT_URL is ${rootUrl}, which is not in deploy/deployments.yml. Add it there, or use one of\n${known}`,
  );
}

async function parsed(file: string): Promise<unknown> {
  try {
    return load(await readFile(file, 'utf8'), { filename: file });
  } catch (error) {
    throw new DeployError(`The table of deployments could not be read: ${errorMessage(error)}`);
  }
}

function checked(file: string, table: unknown): Table {
  const ajv = new Ajv({ allErrors: true });
  if (ajv.validate<Table>(TABLE, table)) return table;
  const problems = (ajv.errors ?? []).map(({ instancePath, message = '', params }) => {
    const extra = 'additionalProperty' in params ? ` (${String(params['additionalProperty'])})` : '';
    return `  ${instancePath.replaceAll('~1', '/')}: ${message}${extra}`;
  });
  throw new DeployError(`${file} does not have the form that its comments describe:\n${problems.join('\n')}`);
}

/** Removes the trailing slash, which has no meaning. */
function normal(rootUrl: string): string {
  return trimEnd(rootUrl, '/');
}

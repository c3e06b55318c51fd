import type { TempFolder } from './temp-folder.js';

export const ROOT_URL = 'https://tc.example.com';

/** Writes a table with the single deployment `example`; returns its path. */
export async function writeDeployments(
  folder: TempFolder,
  { baseAmi = 'ami-0ba5e', rootUrl = ROOT_URL } = {},
): Promise<string> {
  return await folder.write(
    'deployments.yml',
    [
      'deployments:',
      `  ${rootUrl}:`,
      '    name: example',
      '    account: example-workers',
      '    region: us-west-2',
      '    amiRegions: [us-west-2, us-east-1]',
      '    updateWorkerPools: true',
      'accounts:',
      baseAmi === '' ? '  example-workers: {}' : `  example-workers: { baseAmi: ${baseAmi} }`,
      '',
    ].join('\n'),
  );
}

import type { Config } from '../config/config.js';
import { orForPool } from '../queue/scopes.js';
import type { Contribution, Feature, TaskFeature } from '../task/feature.js';

interface Privilege {
  readonly name: 'privileged' | 'disableSeccomp';
  readonly setting: 'allowPrivileged' | 'allowDisableSeccomp';
  readonly insufficientScopes: string;
  readonly contribution: Contribution;
}

const PRIVILEGES: readonly Privilege[] = [
  {
    name: 'privileged',
    setting: 'allowPrivileged',
    insufficientScopes: 'Insufficient scopes to run task in privileged mode.',
    contribution: { privileged: true },
  },
  {
    name: 'disableSeccomp',
    setting: 'allowDisableSeccomp',
    insufficientScopes: 'Insufficient scopes to run task without seccomp.',
    contribution: { securityOpt: ['seccomp=unconfined'] },
  },
];

/** Returns the features for payload.capabilities.privileged and .disableSeccomp, which need a setting and a scope. */
export function privilegeFeatures(
  dockerConfig: Pick<Config['dockerConfig'], Privilege['setting']>,
): readonly Feature[] {
  return PRIVILEGES.map(({ name, setting, insufficientScopes, contribution }) => {
    const granted = (): TaskFeature => ({ prepare: () => Promise.resolve(contribution) });
    return {
      name,
      enabledByDefault: true,
      insufficientScopes,
      isUsedBy: ({ capabilities }) => capabilities?.[name] === true,
      refusals: ({ capabilities }) =>
        capabilities?.[name] === true && !dockerConfig[setting]
          ? [`capabilities.${name} is not enabled on this worker (dockerConfig.${setting})`]
          : [],
      requiredScopes: ({ worker }) => orForPool(`docker-worker:capability:${name}`, worker),
      reservedArtifacts: () => [],
      attach: granted,
      adopt: granted,
    };
  });
}

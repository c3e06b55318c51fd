/**
 * The variables of a deployment: what `{{name}}` in deploy/template and `{{user `name`}}` in deploy/packer may stand for.
 * Their values are looked for in deploy/deploy.json, then here; what is still missing is asked for on a terminal.
 */

export interface Variable {
  readonly name: string;
  /** What it is, and how to get it: shown to whoever is asked for it. */
  readonly description: string;
  /** Never shown, and a file that it is rendered into is readable by its owner only. */
  readonly secret: boolean;
  /** Said by deploy/bin/build for one build; never stored, never asked for. */
  readonly perBuild?: true;
  /** The value when nobody says another one; '' for what a deployment may do without. */
  readonly defaultValue?: (env: Readonly<Record<string, string | undefined>>) => string | undefined;
}

const none = (): string => '';
const always = (value: string) => (): string => value;

export const VARIABLES: readonly Variable[] = [
  {
    name: 'rootUrl',
    description: 'root URL of the Taskcluster deployment; from TASKCLUSTER_ROOT_URL',
    secret: false,
    defaultValue: (env) => env['TASKCLUSTER_ROOT_URL'],
  },
  {
    name: 'papertrail',
    description: 'host:port of the syslog target (TLS) that the machines send their logs to, as papertrail shows it',
    secret: false,
  },
  {
    name: 'sslCertificate',
    description: 'PEM of the wildcard certificate for live logs and interactive sessions, with its chain',
    secret: false,
  },
  { name: 'sslKey', description: 'PEM of the private key of sslCertificate', secret: true },
  {
    name: 'statelessDnsSecret',
    description: 'secret shared with the stateless DNS server, which signed host names are made with',
    secret: true,
  },
  {
    name: 'statelessDnsDomain',
    description: 'domain of the stateless DNS server; sslCertificate must be good for all names in it',
    secret: false,
    defaultValue: always('taskcluster-worker.net'),
  },
  {
    name: 'encryptedEnvPrivateKey',
    description: 'armored PGP private key that encryptedEnv messages are encrypted to',
    secret: true,
  },
  {
    name: 'chainOfTrustKey',
    description:
      'base64 of the ed25519 seed that trusted workers sign with (deploy/bin/gen-ed25519-key makes one); ' +
      'other machines make their own',
    secret: true,
  },
  {
    name: 'relengApiToken',
    description: 'token of the relengAPIProxy sidecar; empty without it',
    secret: true,
    defaultValue: none,
  },
  {
    name: 'registries',
    description: 'JSON for the configuration key registries: {"host/user": {"username": "…", "password": "…"}}',
    secret: true,
    defaultValue: always('{}'),
  },
  {
    name: 'workerConfig',
    description: 'YAML that is laid over config.yml with its profile production',
    secret: false,
    defaultValue: always('{}'),
  },
  {
    name: 'nodeVersion',
    description: 'version of Node.js on the machines',
    secret: false,
    defaultValue: always('24.18.0'),
  },
  {
    name: 'dockerVersion',
    description: 'version of Docker CE on the machines',
    secret: false,
    defaultValue: always('28.5.2'),
  },
  { name: 'sourceAmi', description: 'AMI to begin with: Ubuntu for base, base for app', secret: false, perBuild: true },
  { name: 'amiName', description: 'name of the AMI to make', secret: false, perBuild: true },
  { name: 'region', description: 'region that is built in', secret: false, perBuild: true },
  {
    name: 'amiRegions',
    description: 'regions that the AMI is copied to, separated by commas',
    secret: false,
    perBuild: true,
  },
  { name: 'account', description: 'alias of the AWS account', secret: false, perBuild: true },
  { name: 'deployTarball', description: 'path of deploy.tar.gz', secret: false, perBuild: true },
  { name: 'workerTarball', description: 'path of docker-worker.tar.gz', secret: false, perBuild: true },
  {
    name: 'chainOfTrustKeyFile',
    description: 'path of a file with chainOfTrustKey, there while packer runs',
    secret: false,
    perBuild: true,
  },
];

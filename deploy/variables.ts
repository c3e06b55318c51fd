/**
 * The variables of a deployment: the names that `{{name}}` in deploy/template and `{{user `name`}}` in deploy/packer
 * may use. Their values come from deploy/deploy.json, then from the defaults here; missing ones are asked for on a
 * terminal.
 */

export interface Variable {
  readonly name: string;
  /** What the value is, and how to get it; shown when it is asked for. */
  readonly description: string;
  /** Never shown. A file that contains it is readable by its owner only. */
  readonly secret: boolean;
  /** Set by deploy/bin/build for one build; never stored, never asked for. */
  readonly perBuild?: true;
  /** The value if no other is set; '' for a variable that a deployment does not need. */
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
    description: 'host:port of the syslog target (TLS) that the machines log to, as papertrail shows it',
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
    description: 'secret shared with the stateless DNS server; signed host names are made with it',
    secret: true,
  },
  {
    name: 'statelessDnsDomain',
    description: 'domain of the stateless DNS server; sslCertificate must be valid for all names in it',
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
      'base64 of the ed25519 seed that trusted workers sign with (created by deploy/bin/gen-ed25519-key); ' +
      'other machines create their own',
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
    description: 'YAML that overrides config.yml with its profile production',
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
  { name: 'sourceAmi', description: 'AMI to build on: Ubuntu for base, base for app', secret: false, perBuild: true },
  { name: 'amiName', description: 'name of the new AMI', secret: false, perBuild: true },
  { name: 'region', description: 'region of the build', secret: false, perBuild: true },
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
    description: 'path of a file with chainOfTrustKey; it exists while packer runs',
    secret: false,
    perBuild: true,
  },
];

import { access, constants, stat } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Config } from '../config/config.js';
import { readSigningKey } from '../features/chain-of-trust/signing-key.js';
import { readDecryptionKeys } from '../features/encrypted-env/private-keys.js';
import { checkBusybox } from '../features/interactive/interactive.js';
import type { Expiring } from '../log/metrics-recorder.js';
import { errorMessage } from '../util/error-message.js';
import { TlsFiles, certificateEnd } from '../util/tls-files.js';
import { enabledKinds } from '../devices/enabled-kinds.js';
import { CERTIFICATE_NOTICE_DAYS, CREDENTIALS_NOTICE_DAYS, credentialsEnd, stateOf } from './ending.js';
import type { Ending } from './ending.js';

/** What a check found, as messages. */
export interface Findings {
  /** They keep the worker from working. */
  readonly problems: readonly string[];
  /** The worker works, but something that tasks may ask for does not, or will soon stop working. */
  readonly warnings: readonly string[];
}

/** The parts of the process and its environment that a check depends on. */
export interface Surroundings {
  /** The value of PATH. */
  readonly searchPath: string;
  readonly now?: Date;
  /** The host renews the worker's credentials while it runs. */
  readonly areCredentialsRenewed?: boolean;
}

const NOTHING: Findings = { problems: [], warnings: [] };
/** The programs that unpack task images. */
const PROGRAMS = ['zstd', 'lz4'];

/** Returns everything on this machine that will not work. Changes nothing. */
export async function checkMachine(config: Config, surroundings: Surroundings): Promise<Findings> {
  const { searchPath, now = new Date(), areCredentialsRenewed } = surroundings;
  return joined(
    await Promise.all([
      checkDirectories(config),
      checkLiveLogs(config, now),
      checkInteractive(config, now),
      checkKeys(config),
      checkDevices(config),
      checkPrograms(searchPath),
      checkCredentials(config, now, areCredentialsRenewed === true ? 0 : CREDENTIALS_NOTICE_DAYS),
    ]),
  );
}

/** Merges findings into one. */
export function joined(all: readonly Findings[]): Findings {
  return { problems: all.flatMap(({ problems }) => problems), warnings: all.flatMap(({ warnings }) => warnings) };
}

async function checkDirectories({ dockerVolume, stateDir }: Config): Promise<Findings> {
  const problems = await Promise.all(
    Object.entries({ dockerVolume, stateDir }).map(async ([key, directory]) => {
      try {
        const existing = await nearestExisting(resolve(directory));
        await access(existing, constants.W_OK | constants.X_OK);
        return [];
      } catch (error) {
        return [`${key}: ${directory} cannot be used: ${errorMessage(error)}`];
      }
    }),
  );
  return { ...NOTHING, problems: problems.flat() };
}

/** Returns the directory itself, or the nearest parent that exists, in which it would be made. */
async function nearestExisting(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isMissing && path !== dirname(path)) return await nearestExisting(dirname(path));
    throw error;
  }
  throw new Error(`${path} is not a directory`);
}

async function checkLiveLogs({ logging, ssl }: Config, now: Date): Promise<Findings> {
  if (!logging.secureLiveLogging) return NOTHING;
  try {
    return await checkCertificate('live-log-certificate', ssl, now);
  } catch (error) {
    const consequence = 'The worker claims no tasks until live logs can be served (logging.secureLiveLogging)';
    return { ...NOTHING, problems: [`ssl: ${errorMessage(error)}. ${consequence}.`] };
  }
}

async function checkInteractive({ features, interactive, ssl }: Config, now: Date): Promise<Findings> {
  if (features['interactive']?.enabled !== true) return NOTHING;
  const busybox = await ofFeature('interactive', async () => {
    await checkBusybox(interactive.busyboxPath);
    return NOTHING;
  });
  if (!interactive.ssl) return busybox;
  const certificate = await ofFeature('interactive', () => checkCertificate('interactive-certificate', ssl, now));
  return joined([busybox, certificate]);
}

async function checkCertificate(what: Expiring, ssl: Config['ssl'], now: Date): Promise<Findings> {
  const files = await TlsFiles.read(ssl);
  const end = (): Promise<Date> => Promise.resolve(certificateEnd(files.current));
  return await checkEnding({ what, noticeDays: CERTIFICATE_NOTICE_DAYS, end }, now);
}

async function checkCredentials({ taskcluster }: Config, now: Date, noticeDays: number): Promise<Findings> {
  const end = (): Promise<Date | undefined> => Promise.resolve(credentialsEnd(taskcluster));
  return await checkEnding({ what: 'credentials', noticeDays, end }, now);
}

async function checkEnding(ending: Ending, now: Date): Promise<Findings> {
  const found = await stateOf(ending, now);
  if (!found || found.state === 'good') return NOTHING;
  return found.state === 'over' ? { ...NOTHING, problems: [found.words] } : { ...NOTHING, warnings: [found.words] };
}

async function checkKeys({ features, ed25519SigningKeyLocation, dockerWorkerPrivateKey }: Config): Promise<Findings> {
  const signing = async (): Promise<Findings> => {
    const loose: string[] = [];
    await readSigningKey(ed25519SigningKeyLocation, ({ path, mode }) => {
      loose.push(`chainOfTrust: ${path} can be used by others (mode ${mode}); the worker fixes that when it starts`);
      return Promise.resolve();
    });
    return { ...NOTHING, warnings: loose };
  };
  const decryption = async (): Promise<Findings> => {
    await readDecryptionKeys(dockerWorkerPrivateKey);
    return NOTHING;
  };
  const checks = { chainOfTrust: signing, encryptedEnv: decryption };
  const enabled = Object.entries(checks).filter(([name]) => features[name]?.enabled === true);
  return joined(await Promise.all(enabled.map(([name, check]) => ofFeature(name, check))));
}

/** Reports a feature that can't be used as a warning: only tasks that ask for it fail. */
async function ofFeature(name: string, check: () => Promise<Findings>): Promise<Findings> {
  try {
    return await check();
  } catch (error) {
    const remedy = `Set it up, or disable features.${name}`;
    return { ...NOTHING, warnings: [`tasks with ${name} will fail: ${errorMessage(error)}. ${remedy}.`] };
  }
}

async function checkDevices(config: Config): Promise<Findings> {
  const missing = await Promise.all(
    enabledKinds(config).map(async (kind) => {
      const found = await kind.discover().catch(() => []);
      return found.length > 0 ? [] : [kind.name];
    }),
  );
  const names = missing.flat();
  if (names.length === 0) return NOTHING;
  const remedy = 'Disable them in deviceManagement';
  return {
    ...NOTHING,
    warnings: [`tasks that ask for these devices will fail, as this machine has none: ${names.join(', ')}. ${remedy}.`],
  };
}

async function checkPrograms(searchPath: string): Promise<Findings> {
  const missing = await Promise.all(PROGRAMS.map(async (name) => ((await isIn(searchPath, name)) ? [] : [name])));
  const warnings = missing
    .flat()
    .map((name) => `tasks with images compressed with ${name} will fail: ${name} is not on the PATH.`);
  return { ...NOTHING, warnings };
}

async function isIn(searchPath: string, program: string): Promise<boolean> {
  for (const directory of searchPath.split(delimiter)) {
    try {
      await access(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // The next directory may have it.
    }
  }
  return false;
}

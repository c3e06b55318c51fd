import { spawn } from 'node:child_process';

/** Programs that open an address in the user's browser, by platform. */
const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' };
/** An opener that has not ended after this is the browser itself. */
const SETTLED_MS = 3000;

/** Who opens addresses. */
export interface Opener {
  /** As `process.platform`. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens an address in the user's browser, without a shell. Resolves with undefined when that seems to have been
 * possible, and otherwise with a sentence that says what to do. Never rejects.
 */
export async function openBrowser(address: string, { platform, env }: Opener): Promise<string | undefined> {
  const program = OPENERS[platform];
  if (program === undefined)
    return `No browser is opened: that is not known on ${platform}. Open the address yourself.`;
  const problem = await start(program, address, env);
  return problem === undefined ? undefined : `No browser could be opened: ${problem}. Open the address yourself.`;
}

async function start(program: string, address: string, env: Opener['env']): Promise<string | undefined> {
  return await new Promise((resolve) => {
    // Of its own group, so that Ctrl-C does not end the browser.
    const child = spawn(program, [address], { env: { ...env }, stdio: 'ignore', detached: true });
    const timer = setTimeout(resolve, SETTLED_MS, undefined);
    timer.unref();
    child.once('error', ({ message, code }: NodeJS.ErrnoException) => {
      resolve(code === 'ENOENT' ? `${program} is not installed` : `${program}: ${message}`);
    });
    child.once('exit', (code) => {
      resolve(code === 0 ? undefined : `${program} ended with exit code ${code ?? 'none'}`);
    });
    child.unref();
  });
}

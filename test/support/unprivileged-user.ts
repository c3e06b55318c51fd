import { execFileSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Context } from 'mocha';
import { skipBecause } from './skip-because.js';

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

const SOCKET = '/var/run/docker.sock';
/** A user without an account on this machine. */
const UID = 4242;
const FIRST_UNPRIVILEGED_PORT = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

/** A user who is not root and may use the engine. Skips where no program can be started as one. */
export async function unprivilegedUser(context: Context): Promise<UnprivilegedUser> {
  if (process.getuid?.() !== 0) skipBecause(context, 'only root can start a program as another user');
  const user = { uid: UID, gid: (await stat(SOCKET)).gid };
  try {
    execFileSync(process.execPath, ['--check', resolve('scripts/build.mjs')], { ...user, stdio: 'ignore' });
  } catch {
    skipBecause(context, 'other users can read neither node nor the checkout');
  }
  return user;
}

/** Skips where every user may listen on this port. */
export async function needsDeniedPort(context: Context, port: number): Promise<void> {
  const first = Number(await readFile(FIRST_UNPRIVILEGED_PORT, 'utf8'));
  if (first <= port) skipBecause(context, `net.ipv4.ip_unprivileged_port_start is ${first}: anyone may listen`);
}

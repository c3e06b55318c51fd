import type { Git } from './git.js';
import { printable } from './printable.js';

export interface Person {
  readonly name: string;
  readonly email: string;
}

/** Who uses the checkout. */
export interface Identity extends Person {
  /** The name at the host of the repository, as far as git's configuration tells it. */
  readonly login: string;
}

const LONGEST = 200;
const NOREPLY = 'users.noreply.github.com';

/** Reads git's configuration; without any, the user is `local`. */
export async function readIdentity(git: Git): Promise<Identity> {
  const read = async (key: string): Promise<string> =>
    printable((await git.answer(['config', '--get', key])) ?? '', LONGEST);
  const [account, email, name] = [await read('github.user'), await read('user.email'), await read('user.name')];
  const login = account || loginOf(email) || 'local';
  return { login, email: email || noreplyAddress(login), name: name || login };
}

/**
 * Guesses the login of the owner of an address: what stands before the `@`, without a `+suffix`. In GitHub's own
 * addresses, `123+login@users.noreply.github.com`, the login is that suffix.
 */
export function loginOf(email: string): string {
  const [local = '', domain = ''] = email.split('@');
  const [first = '', ...others] = local.split('+');
  const login = domain.toLowerCase() === NOREPLY ? (others.at(-1) ?? first) : first;
  return login.replace(/[^\w.-]/g, '');
}

/** The address that is told of an account without a public one. */
export function noreplyAddress(login: string): string {
  return `${login.replace(/\[bot\]$/, '')}@${NOREPLY}`;
}

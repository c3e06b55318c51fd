import { printable } from './printable.js';

/** Where a repository is for its users: `https://<host>/<organization>/<repository>`. */
export interface RepositoryAddress {
  /** In lower case, with the port if it isn't the usual one. */
  readonly host: string;
  /** With slashes, where the host has groups within groups. */
  readonly organization: string;
  readonly repository: string;
}

export interface RemoteUrl {
  /** As git has it, without passwords and tokens. */
  readonly url: string;
  /** Undefined for a path on this machine, and for what isn't known to be a repository of a host. */
  readonly address: RepositoryAddress | undefined;
}

const LONGEST_URL = 2000;
const SCHEME = /^([a-z][a-z\d+.-]{0,30}):\/\//i;
/** `user@host:path`: ssh, as git and scp write it. A slash before the colon would make it a path. */
const SCP_FORM = /^(?:([^@:/\s]{1,100})@)?([^@:/\s]{2,255}):(?!:)(.+)$/;
const SSH_SCHEMES = ['ssh', 'git+ssh', 'ssh+git'];
const WEB_SCHEMES = ['http', 'https', 'git'];
const USUAL_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' };
/** Names of hosts for ssh through firewalls. */
const ALIASES: Readonly<Record<string, string>> = { 'ssh.github.com': 'github.com', 'www.github.com': 'github.com' };

/** Reads what `git remote get-url` prints. */
export function parseRemoteUrl(text: string): RemoteUrl {
  if (text.length > LONGEST_URL) return { url: `(an address of ${text.length} characters)`, address: undefined };
  const [all, scheme = ''] = SCHEME.exec(text) ?? [];
  if (all !== undefined) return parseWithScheme(scheme.toLowerCase(), text.slice(all.length));
  const [matched, user, host = '', path = ''] = SCP_FORM.exec(text) ?? [];
  if (matched !== undefined) return parseScpForm(user, host, path);
  const isPath = /^[./~]/.test(text);
  return { url: printable(isPath ? text : withoutUserinfo(text), LONGEST_URL), address: undefined };
}

function parseWithScheme(scheme: string, rest: string): RemoteUrl {
  const end = rest.search(/[/?#]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const path = end < 0 ? '' : withoutQuery(rest.slice(end));
  const place = authority.slice(authority.lastIndexOf('@') + 1);
  const isSsh = SSH_SCHEMES.includes(scheme);
  const user = isSsh ? sshUser(authority) : '';
  const url = printable(`${scheme}://${user}${place}${path}`, LONGEST_URL);
  if (!isSsh && !WEB_SCHEMES.includes(scheme)) return { url, address: undefined };
  return { url, address: addressOf(hostOf(scheme, place), path) };
}

function parseScpForm(user: string | undefined, host: string, path: string): RemoteUrl {
  const clean = withoutUserinfo(withoutQuery(path));
  const login = user === undefined ? '' : `${user}@`;
  return { url: printable(`${login}${host}:${clean}`, LONGEST_URL), address: addressOf(hostOf('ssh', host), clean) };
}

/** `git@`: a name that hosts give to everyone, and no secret; the password behind it is one. */
function sshUser(authority: string): string {
  const at = authority.lastIndexOf('@');
  const [name = ''] = authority.slice(0, Math.max(at, 0)).split(':', 1);
  return name === '' ? '' : `${name}@`;
}

function hostOf(scheme: string, place: string): string {
  const [, name = '', port] = /^([^:]+)(?::(\d{1,5}))?$/.exec(place.toLowerCase()) ?? [];
  const host = ALIASES[name] ?? name;
  // The port of ssh or git is not that of the web pages.
  const isOwnPort = port !== undefined && (scheme === 'https' || scheme === 'http') && port !== USUAL_PORT[scheme];
  return isOwnPort ? `${host}:${port}` : host;
}

function addressOf(host: string, path: string): RepositoryAddress | undefined {
  if (!/^[a-z\d][a-z\d.-]*(?::\d+)?$/.test(host)) return undefined;
  const names = path.split('/').filter((name) => name !== '');
  const last = (names.pop() ?? '').replace(/\.git$/, '');
  if (names.length === 0 || ![...names, last].every(isName)) return undefined;
  return { host, organization: names.join('/'), repository: last };
}

/** Whether it can stand in a URL as it is. */
function isName(name: string): boolean {
  return /^[\w.~%+-]+$/.test(name) && !/^\.+$/.test(name);
}

function withoutQuery(path: string): string {
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

/** For forms that only other programs understand: whatever stands before an `@`, up to a slash, is left out. */
function withoutUserinfo(text: string): string {
  return text
    .split('/')
    .map((part) => part.slice(part.lastIndexOf('@') + 1))
    .join('/');
}

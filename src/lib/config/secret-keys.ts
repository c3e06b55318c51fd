const SECRET_KEYS = new Set(['accessToken', 'secret', 'password', 'token']);

/** Returns whether the value at this path is a credential because of its key, wherever it came from. */
export function isSecretKey(path: readonly string[]): boolean {
  const [section, , third] = path;
  const last = path.at(-1);
  if (last === undefined) return false;
  if (section === 'taskcluster' && last === 'certificate') return true;
  // A sidecar usually gets its credentials through its environment.
  if (section === 'sidecars' && third === 'env') return path.length > 3;
  return SECRET_KEYS.has(last) && path.length > 1;
}

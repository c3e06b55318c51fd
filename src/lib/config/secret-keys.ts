const SECRET_KEYS = new Set(['accessToken', 'secret', 'password', 'token']);

/** Whether the value at this place of the configuration is a credential by its key, whatever it came from. */
export function isSecretKey(path: readonly string[]): boolean {
  const [section, , third] = path;
  const last = path.at(-1);
  if (last === undefined) return false;
  if (section === 'taskcluster' && last === 'certificate') return true;
  // What a sidecar gets through its environment is as a rule what it logs in with.
  if (section === 'sidecars' && third === 'env') return path.length > 3;
  return SECRET_KEYS.has(last) && path.length > 1;
}

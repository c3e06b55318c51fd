/** Whether a push of this ref is one of a tag. */
export function isTag(ref: unknown): boolean {
  return typeof ref === 'string' && ref.startsWith('refs/tags/');
}

/** Returns the branch or tag of a ref: what is behind its first two parts, slashes included. */
export function nameOfRef(ref: unknown): string | undefined {
  return typeof ref === 'string' ? ref.split('/').slice(2).join('/') : undefined;
}

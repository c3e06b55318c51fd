/** Returns the nonce that style elements need, which libraries make at run time. */
export function styleNonce(): string {
  return document.querySelector<HTMLLinkElement>('link#styles')?.nonce ?? '';
}

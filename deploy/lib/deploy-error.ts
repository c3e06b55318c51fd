/** A problem that the operator can fix; the message says how. Any other error is a bug in these programs. */
export class DeployError extends Error {
  override readonly name = 'DeployError';
}

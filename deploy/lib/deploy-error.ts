/** Something that the operator can put right; the message says how. Anything else that is thrown is our bug. */
export class DeployError extends Error {
  override readonly name = 'DeployError';
}

import { timingSafeEqual } from 'node:crypto';

/** Compares secrets in a time that does not reveal how much of them is equal. */
export function sameText(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

import type { Labelled, Labels } from '../../src/lib/docker/engine.js';

/** Those that carry all of the labels. */
export function labelled(all: readonly Labelled[], wanted: Labels): readonly Labelled[] {
  return all.filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value));
}

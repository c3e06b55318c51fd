import type { Labelled, Labels } from '../../src/lib/docker/engine.js';

/** Whether all of the wanted labels are among these. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** Those that carry all of the labels. */
export function labelled(all: readonly Labelled[], wanted: Labels): readonly Labelled[] {
  return all.filter(({ labels }) => hasLabels(labels, wanted));
}

/** Of what has its labels in a map, by id. */
export function labelledIn(things: ReadonlyMap<string, Labels>, labels: Labels): readonly Labelled[] {
  return labelled(
    [...things].map(([id, own]) => ({ id, labels: own })),
    labels,
  );
}

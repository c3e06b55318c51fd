const LONGEST_WORD = 40;

/** Returns the word that `mistyped` was probably meant to be: one that differs in case, or in a letter or two. */
export function nearestWord(mistyped: string, words: readonly string[]): string | undefined {
  if (mistyped.length > LONGEST_WORD) return undefined;
  const typed = mistyped.toLowerCase();
  const distances = words.map((word) => ({ word, distance: distanceOf(typed, word.toLowerCase()) }));
  const [nearest] = distances.sort((a, b) => a.distance - b.distance);
  const allowed = Math.min(2, Math.floor(mistyped.length / 3));
  return nearest && nearest.distance <= allowed ? nearest.word : undefined;
}

/** Counts the letters to add, remove, change or swap with the next one. */
function distanceOf(from: string, to: string): number {
  let [beforeLast, last] = [[] as number[], Array.from({ length: to.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(beforeLast, column - 2) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, to.length);
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? Infinity;
}

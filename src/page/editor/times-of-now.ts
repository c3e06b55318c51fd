const TIMES = ['created', 'deadline', 'expires'] as const;

/**
 * Returns the definition with its times moved to now, and the distances between them kept. Changes only the lines of the
 * times, so that comments and the order stay; a time that is no time stays as well.
 */
export function withTimesOfNow(yaml: string, now: Date): string {
  const created = timeIn(yaml, 'created');
  if (Number.isNaN(created)) return yaml;
  return TIMES.reduce((text, name) => {
    const moved = new Date(timeIn(yaml, name) + now.getTime() - created);
    if (Number.isNaN(moved.getTime())) return text;
    return replaceLine(text, name, `${name}: '${moved.toJSON()}'`);
  }, yaml);
}

function timeIn(yaml: string, name: string): number {
  const line = yaml.split('\n').find((each) => each.startsWith(`${name}:`)) ?? '';
  const value =
    line
      .slice(name.length + 1)
      .replaceAll(/["']/g, '')
      .split(' #')[0] ?? '';
  return new Date(value.trim()).getTime();
}

function replaceLine(text: string, name: string, replacement: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith(`${name}:`) ? replacement : line))
    .join('\n');
}

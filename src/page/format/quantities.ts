const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** Returns a size in words, as `1.5 MB`. */
export function bytesInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let value = bytes / 1000;
  let unit = 0;
  // A value that would round to 1000.0 is shown in the next unit.
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** Returns a time in words, as `2 min 5 s`; tenths of a second below ten. */
export function durationInWords(ms: number): string {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** Returns how long ago something was, or how soon it is, as `5 min ago` or `in 3 days`. */
export function ageInWords(time: string, now: number): string {
  const ms = now - new Date(time).getTime();
  if (Number.isNaN(ms)) return time;
  const amount = roughly(Math.abs(ms) / 1000);
  if (amount === undefined) return 'now';
  return ms < 0 ? `in ${amount}` : `${amount} ago`;
}

function roughly(seconds: number): string | undefined {
  if (seconds < 2) return undefined;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

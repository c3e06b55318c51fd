/** An X display of a task; sizes in pixels. */
export interface Display {
  readonly display: string;
  readonly width: number;
  readonly height: number;
}

const MAX_DISPLAYS = 100;

/** Reads the list of a worker's displays. Throws an error with a sentence for people if it is none. */
export function parseDisplays(json: unknown): readonly Display[] {
  if (!Array.isArray(json)) throw new Error('The worker did not answer with a list of displays.');
  return json.slice(0, MAX_DISPLAYS).map(parseDisplay);
}

function parseDisplay(entry: unknown): Display {
  if (typeof entry === 'object' && entry !== null) {
    const { display, width, height } = entry as Partial<Record<keyof Display, unknown>>;
    if (typeof display === 'string' && typeof width === 'number' && typeof height === 'number') {
      return { display, width, height };
    }
  }
  throw new Error('The worker answered with a display that has no name or size.');
}

/** Asks a worker for the displays of a task. Throws an error with a sentence for people. */
export async function readDisplays(url: string, signal: AbortSignal): Promise<readonly Display[]> {
  let response: Response;
  try {
    // Another origin, which must learn nothing of this page's.
    const options = { signal, credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' } as const;
    response = await fetch(url, options);
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = 'The displays could not be listed: the run may have ended, or its worker cannot be reached.';
    throw new Error(reason, { cause: error });
  }
  if (response.status === 404) throw new Error('The run has ended, or its worker has no displays.');
  if (!response.ok)
    throw new Error(`The displays could not be listed: the worker answers with status ${response.status}.`);
  return parseDisplays(await response.json());
}

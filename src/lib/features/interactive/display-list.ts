/** A display as Taskcluster's pages want it. */
export interface Display {
  /** Of X, as in `:0.0`. */
  readonly display: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** What a list of displays may have at most; one has a line of about 20. */
export const MAX_LIST_BYTES = 16 * 1024;

const NAME = /^:\d{1,5}(?:\.\d{1,3})?$/;
const LINE = /^(?<display>[^\t]*)\t(?<width>\d{1,5})x(?<height>\d{1,5})$/;
const MAX_QUOTED_LENGTH = 100;

/** Whether it names a display of the container itself: `x11vnc` takes names for more than that, even commands. */
export function isDisplayName(name: string): boolean {
  return NAME.test(name);
}

/** Reads what `list-displays` prints: a line for each, with name, tab and size (`:0.0\t1024x768`). Fails in words. */
export function parseDisplays(text: string): readonly Display[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { display = '', width, height } = LINE.exec(line)?.groups ?? {};
    if (!isDisplayName(display)) {
      throw new Error(`list-displays printed ${JSON.stringify(line.slice(0, MAX_QUOTED_LENGTH))}, which is no display`);
    }
    return { display, width: Number(width), height: Number(height) };
  });
}

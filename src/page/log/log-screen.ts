import type { LogBytes } from './log-bytes.js';
import type { RowLook } from './log-row.js';
import { RowLayer } from './row-layer.js';
import { ScrollMap } from './scroll-map.js';

/** So many wrapped lines, whose heights are unknown, are all made; of more, only those around what is visible. */
const MAX_NATURAL_LINES = 500;
/** Lines made beyond each edge of what is visible, at least: what one frame of a fast scroll passes. */
const OVERSCAN_ROWS = 32;
const SETTLE_MS = 150;

export interface ScreenElements {
  /** Scrolls. */
  readonly scroller: HTMLElement;
  /** In the scroller: as high as the scroll bar has to believe. */
  readonly space: HTMLElement;
  /** In the space: has the rows. */
  readonly layer: HTMLElement;
}

export interface ScreenEvents {
  /** The reader scrolled away from the end while it was followed, or a jump ended that. */
  readonly onFollow: (isFollowing: boolean) => void;
}

/**
 * Shows the part of a log that is visible. Rows have one height, unless lines are wrapped: then the bar stands for lines,
 * and the line that belongs to its place stands as far down in the view as the bar in its range, so that both ends fit
 * whatever the heights are.
 */
export class LogScreen {
  readonly #log: LogBytes;
  readonly #elements: ScreenElements;
  readonly #events: ScreenEvents;
  readonly #rows: RowLayer;
  readonly #map = new ScrollMap();
  readonly #resizes: ResizeObserver;
  readonly #listening = new AbortController();
  #look: RowLook = { wanted: '', selected: undefined, current: undefined };
  #rowPx = 0;
  #isWrapped = false;
  #isFollowing = false;
  #frame = 0;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #height = '';

  constructor(log: LogBytes, elements: ScreenElements, events: ScreenEvents) {
    this.#log = log;
    this.#elements = elements;
    this.#events = events;
    this.#rows = new RowLayer(elements.layer, log);
    const { signal } = this.#listening;
    const options = { signal, passive: true };
    elements.scroller.addEventListener('scroll', this.#onScroll, options);
    elements.scroller.addEventListener('wheel', this.#onWheel, options);
    this.#resizes = new ResizeObserver(() => {
      this.refresh();
    });
    this.#resizes.observe(elements.scroller);
  }

  dispose(): void {
    this.#listening.abort();
    this.#resizes.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#settling);
    this.#rows.clear();
  }

  /** The first line that is visible, from 0. */
  get topLine(): number {
    return Math.floor(this.#map.top / (this.#rowPx || 1));
  }

  /** Draws in the next frame; for a log that has grown. */
  refresh(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  follow(isFollowing: boolean): void {
    this.#isFollowing = isFollowing;
    this.refresh();
  }

  wrap(isWrapped: boolean): void {
    if (isWrapped === this.#isWrapped) return;
    const line = this.topLine;
    this.#isWrapped = isWrapped;
    this.#elements.scroller.classList.toggle('is-wrapped', isWrapped);
    this.#rows.clear();
    this.#draw();
    if (!this.#isFollowing) this.#scrollTo(line, 0);
  }

  /** Shows other matches, another selection or another current line. */
  look(look: RowLook): void {
    const isSameText = look.wanted === this.#look.wanted;
    this.#look = look;
    if (isSameText) {
      this.#rows.mark(look);
    } else {
      this.#rows.clear();
      this.refresh();
    }
  }

  /** Brings a line into view, in its upper third. Ends the following. */
  show(line: number): void {
    this.#stopFollowing();
    this.#draw();
    this.#scrollTo(line, 1 / 3);
  }

  /** Scrolls by lines, or to the begin or end of the log. */
  scrollBy(lines: number): void {
    const target = this.#map.top + lines * this.#rowPx;
    if (lines < 0) this.#stopFollowing();
    this.#move(Math.max(0, Math.min(this.#map.maxTop, target)));
  }

  #stopFollowing(): void {
    if (!this.#isFollowing) return;
    this.#isFollowing = false;
    this.#events.onFollow(false);
  }

  readonly #onWheel = (event: WheelEvent): void => {
    if (event.deltaY < 0) this.#stopFollowing();
  };

  readonly #onScroll = (): void => {
    const { scrollTop } = this.#elements.scroller;
    // Reports of our own moves come late, when the end may be further down already.
    if (Math.abs(scrollTop - this.#map.elementTop) < 1) return;
    if (scrollTop < this.#map.elementTop) this.#stopFollowing();
    this.#map.scrolledTo(scrollTop);
    this.#draw();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#move(this.#map.top);
    }, SETTLE_MS);
  };

  get #isNatural(): boolean {
    return this.#isWrapped && this.#log.lineCount <= MAX_NATURAL_LINES;
  }

  #scrollTo(line: number, part: number): void {
    const { scroller } = this.#elements;
    if (this.#isNatural) {
      this.#move((this.#rows.row(line)?.offsetTop ?? 0) - scroller.clientHeight * part);
    } else if (this.#isWrapped) {
      this.#move(((line + 0.5) / Math.max(1, this.#log.lineCount)) * this.#map.maxTop);
    } else {
      this.#move(line * this.#rowPx - Math.floor((scroller.clientHeight * part) / this.#rowPx) * this.#rowPx);
    }
  }

  #move(top: number): void {
    const elementTop = this.#map.moveTo(top);
    const { scroller } = this.#elements;
    if (scroller.scrollTop !== elementTop) scroller.scrollTop = elementTop;
    this.#draw();
  }

  #draw(): void {
    const { scroller } = this.#elements;
    const viewPx = scroller.clientHeight;
    this.#rowPx ||= parseFloat(getComputedStyle(scroller).lineHeight) || 0;
    if (viewPx === 0 || this.#rowPx === 0) return;
    if (this.#isNatural) this.#drawNatural(viewPx);
    else this.#drawVirtual(viewPx);
  }

  #drawNatural(viewPx: number): void {
    const { layer, scroller } = this.#elements;
    this.#rows.show(0, this.#log.lineCount, this.#look);
    layer.style.transform = '';
    this.#setHeight(layer.offsetHeight, viewPx);
    if (!this.#isFollowing) return;
    scroller.scrollTop = this.#map.moveTo(this.#map.maxTop);
  }

  #drawVirtual(viewPx: number): void {
    const { layer, scroller } = this.#elements;
    this.#setHeight(this.#log.lineCount * this.#rowPx, viewPx);
    const map = this.#map;
    if (this.#isFollowing) {
      const elementTop = map.moveTo(map.maxTop);
      if (scroller.scrollTop !== elementTop) scroller.scrollTop = elementTop;
    }
    const visible = Math.ceil(viewPx / this.#rowPx);
    const overscan = Math.max(OVERSCAN_ROWS, visible);
    if (!this.#isWrapped) {
      const first = Math.floor(map.top / this.#rowPx);
      this.#rows.show(first - overscan, first + visible + overscan, this.#look);
      setOffset(layer, map.elementTop + this.#rows.first * this.#rowPx - map.top);
      return;
    }
    const part = map.maxTop > 0 ? map.top / map.maxTop : 0;
    const place = Math.min(part * this.#log.lineCount, this.#log.lineCount - 1e-6);
    const line = Math.floor(place);
    this.#rows.show(line - overscan, line + overscan, this.#look);
    const row = this.#rows.row(line);
    const inLayer = row ? row.offsetTop + (place - line) * row.offsetHeight : 0;
    setOffset(layer, map.elementTop + part * viewPx - inLayer);
  }

  #setHeight(contentPx: number, viewPx: number): void {
    this.#map.resize(contentPx, viewPx);
    const height = `${this.#map.elementPx}px`;
    if (height !== this.#height) this.#elements.space.style.height = this.#height = height;
  }
}

/** Whole pixels, so that text stays sharp. */
function setOffset(layer: HTMLElement, px: number): void {
  layer.style.transform = `translateY(${Math.round(px)}px)`;
}

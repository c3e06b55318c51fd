/** The highest element that is asked for, in pixels. Browsers limit it: Firefox to 17 million, Chromium to 33 million. */
const MAX_ELEMENT_PX = 10_000_000;
/** A scroll by less than so many screens is one by wheel or key, and not by the bar. */
const NEAR_SCREENS = 3;

/**
 * Maps the position of an element's scroll bar to that in a content that may be higher than any element can be. Scrolling
 * by wheel or key stays exact: a pixel is a pixel. Only moving the bar, and `settled`, follow the scale.
 */
export class ScrollMap {
  #contentPx = 0;
  #viewPx = 0;
  #top = 0;
  #elementTop = 0;

  /** The first pixel of the content that is visible. */
  get top(): number {
    return this.#top;
  }

  /** The position of the scroll bar that `top` belongs to. */
  get elementTop(): number {
    return this.#elementTop;
  }

  get maxTop(): number {
    return Math.max(0, this.#contentPx - this.#viewPx);
  }

  /** The height of the element that is scrolled. */
  get elementPx(): number {
    return Math.max(this.#viewPx, Math.min(this.#contentPx, MAX_ELEMENT_PX));
  }

  get #scale(): number {
    const range = this.elementPx - this.#viewPx;
    return range > 0 ? Math.max(1, this.maxTop / range) : 1;
  }

  resize(contentPx: number, viewPx: number): void {
    const wasScaled = this.#scale > 1;
    this.#contentPx = contentPx;
    this.#viewPx = viewPx;
    this.#top = Math.min(this.#top, this.maxTop);
    if (!wasScaled && this.#scale === 1) this.#elementTop = this.#top;
  }

  /** Takes over where the scroll bar is now. */
  scrolledTo(elementTop: number): void {
    const by = elementTop - this.#elementTop;
    const isNear = Math.abs(by) < this.#viewPx * NEAR_SCREENS;
    const scale = this.#scale;
    const range = this.elementPx - this.#viewPx;
    this.#elementTop = elementTop;
    if (elementTop <= 0) this.#top = 0;
    // Positions may be fractions, and the last one is then not reached.
    else if (elementTop >= range - 1) this.#top = this.maxTop;
    else this.#top = this.#within(scale === 1 || !isNear ? elementTop * scale : this.#top + by);
  }

  /** Moves to a pixel of the content; returns where the scroll bar belongs. */
  moveTo(top: number): number {
    this.#top = this.#within(top);
    return this.settled();
  }

  /** Returns where the scroll bar belongs, for a moment at which nobody scrolls. */
  settled(): number {
    this.#elementTop = Math.round(this.#top / this.#scale);
    return this.#elementTop;
  }

  #within(top: number): number {
    return Math.min(this.maxTop, Math.max(0, top));
  }
}

import { PassThrough } from 'node:stream';

/** The input of a terminal: what a test writes was typed. */
export class FakeKeyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;
  /** Every mode that was set: whether it is raw. */
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    this.modes.push(isRaw);
    return this;
  }
}

/** The output of a terminal. */
export class FakeScreen extends PassThrough {
  readonly isTTY = true;
  rows = 30;
  columns = 100;
  /** All that was written. */
  text = '';

  constructor() {
    super();
    this.setEncoding('utf8').on('data', (data: string) => {
      this.text += data;
    });
  }
}

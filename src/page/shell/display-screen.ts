import RFB from '@novnc/novnc';

export interface ScreenEvents {
  readonly onConnected: () => void;
  /** The connection ended; a sentence for people. */
  readonly onEnded: (text: string) => void;
  /** A program of the display has put this into the display's clipboard. */
  readonly onClipboard: (text: string) => void;
}

const MAX_CLIPBOARD_LENGTH = 100_000;

/** Shows a display in an element. Returns the connection. */
export function openDisplay(element: HTMLElement, url: string, events: ScreenEvents): RFB {
  const rfb = new RFB(element, url, { shared: true });
  rfb.scaleViewport = true;
  rfb.background = 'transparent';
  rfb.addEventListener('connect', () => {
    events.onConnected();
    rfb.focus();
  });
  rfb.addEventListener('disconnect', (event) => {
    const isClean = (event as CustomEvent<{ readonly clean?: unknown }>).detail.clean === true;
    events.onEnded(isClean ? 'The display has been closed.' : 'The connection to the display broke off.');
  });
  rfb.addEventListener('securityfailure', () => {
    events.onEnded('The display asks for a password, which this page does not have.');
  });
  rfb.addEventListener('clipboard', (event) => {
    const { text } = (event as CustomEvent<{ readonly text?: unknown }>).detail;
    if (typeof text === 'string') events.onClipboard(text.slice(0, MAX_CLIPBOARD_LENGTH));
  });
  return rfb;
}

/** What this page uses of noVNC, which has no types of its own: https://github.com/novnc/noVNC/blob/master/docs/API.md */
declare module '@novnc/novnc' {
  // eslint-disable-next-line import-x/no-default-export -- the library's way
  export default class RFB extends EventTarget {
    constructor(target: Element, url: string, options?: { readonly shared?: boolean });
    scaleViewport: boolean;
    viewOnly: boolean;
    background: string;
    disconnect(): void;
    focus(): void;
    sendCtrlAltDel(): void;
    clipboardPasteFrom(text: string): void;
  }
}

import type { Locator } from 'playwright-core';

/** Pastes text into an element, which gets the focus, as from the clipboard. */
export async function paste(element: Locator, text: string): Promise<void> {
  await element.focus();
  await element.page().evaluate(`
    (() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', ${JSON.stringify(text)});
      const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
      document.activeElement.dispatchEvent(paste);
    })()`);
}

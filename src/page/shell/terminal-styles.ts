interface Creator {
  createElement: (name: string, options?: ElementCreationOptions) => HTMLElement;
}

/**
 * Lets xterm.js style its terminal on a page whose policy forbids styles in the markup. It fills `<style>` elements and
 * writes `style` attributes, which the policy blocks; the same through the CSS object model is allowed. Elements made by
 * `document.createElement` while this is in force do that instead. Returns a function that ends it.
 *
 * https://github.com/xtermjs/xterm.js/issues/4445 is about an option of the library for it.
 */
export function allowTerminalStyles(): () => void {
  const sheets = new Set<CSSStyleSheet>();
  const creator: Partial<Creator> = document;
  const create = (document as Creator).createElement.bind(document);
  // An own property hides the method of the prototype.
  creator.createElement = (name, options) => {
    // Even an empty element for a style would count as one, so the library gets another one, which shows nothing.
    const element = create(name === 'style' ? 'template' : name, options);
    if (name === 'style') sheets.add(redirectText(element));
    else if (name === 'span') element.setAttribute = setAttribute;
    return element;
  };
  return () => {
    delete creator.createElement;
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => !sheets.has(sheet));
  };
}

/** Has what becomes the text of an element apply as a style sheet. */
function redirectText(element: HTMLElement): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, 'textContent', {
    get: () => '',
    set: (text: string) => {
      sheet.replaceSync(text);
    },
  });
  return sheet;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

import { useEffect, useState } from 'preact/hooks';

const NAVIGATED = 'page:navigated';

/** What the address bar says. */
export interface Address {
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly hash: string;
}

/** Goes to another address of the page. */
export function navigate(address: string): void {
  history.pushState(null, '', address);
  dispatchEvent(new Event(NAVIGATED));
  scrollTo(0, 0);
}

/** Changes the fragment without a new entry in the history, and without scrolling. */
export function replaceHash(hash: string): void {
  history.replaceState(null, '', location.pathname + location.search + hash);
  dispatchEvent(new Event(NAVIGATED));
}

/** Returns the present address, and renders again when it changes. */
export function useAddress(): Address {
  const [address, setAddress] = useState(present);
  useEffect(() => {
    const update = (): void => {
      setAddress(present());
    };
    const events = [NAVIGATED, 'popstate', 'hashchange'];
    for (const event of events) addEventListener(event, update);
    return () => {
      for (const event of events) removeEventListener(event, update);
    };
  }, []);
  return address;
}

function present(): Address {
  return { pathname: location.pathname, query: new URLSearchParams(location.search), hash: location.hash };
}

/**
 * Lets plain clicks on links of the page navigate without loading it again. Shells and displays are loaded anew: they may
 * open sockets, which the rest of the page must not.
 */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.hasAttribute('download') || link.getAttribute('target') !== null) return;
    const href = link.getAttribute('href') ?? '';
    if (!/^\/(?:tasks|worker-pools|secrets)?(?:[/?]|$)/.test(href)) return;
    event.preventDefault();
    navigate(href);
  });
}

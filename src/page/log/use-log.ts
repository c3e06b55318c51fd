import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { LogModel } from './log-model.js';

/** The page's words about a log change so often at most; its rows change in every frame. */
const WORDS_MS = 100;

/** Reads a log while the component is there. The component is drawn anew, not for each of many changes. */
export function useLog(url: string, isLive: boolean, onChange: () => void): LogModel {
  const live = useRef(isLive);
  live.current = isLive;
  const change = useRef(onChange);
  change.current = onChange;
  const [, redraw] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const model = useMemo(() => {
    const redrawSoon = (): void => {
      change.current();
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        redraw((count) => count + 1);
      }, WORDS_MS);
    };
    return new LogModel({ url, isLive: () => live.current, fetch: window.fetch.bind(window), onChange: redrawSoon });
  }, [url]);
  useEffect(() => {
    model.start();
    return () => {
      model.dispose();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [model]);
  return model;
}

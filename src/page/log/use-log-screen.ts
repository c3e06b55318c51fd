import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { LogModel } from './log-model.js';
import { LogScreen } from './log-screen.js';

export interface ScreenRefs {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly space: RefObject<HTMLDivElement | null>;
  readonly layer: RefObject<HTMLDivElement | null>;
}

/** Keeps the screen of a log in the elements that a component has made. */
export function useLogScreen(
  model: LogModel,
  refs: ScreenRefs,
  onFollow: (isFollowing: boolean) => void,
): RefObject<LogScreen | null> {
  const screen = useRef<LogScreen>(null);
  const followed = useRef(onFollow);
  followed.current = onFollow;
  useEffect(() => {
    const [scroller, space, layer] = [refs.scroller.current, refs.space.current, refs.layer.current];
    if (!scroller || !space || !layer) return undefined;
    const made = new LogScreen(
      model.bytes,
      { scroller, space, layer },
      {
        onFollow: (isFollowing) => {
          followed.current(isFollowing);
        },
      },
    );
    screen.current = made;
    made.refresh();
    return () => {
      made.dispose();
      screen.current = null;
    };
  }, [model]);
  return screen;
}

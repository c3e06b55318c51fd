import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Loaded<Value> {
  /** Undefined until it is there; an older value stays until a newer one replaces it. */
  readonly value: Value | undefined;
  readonly error: Error | undefined;
  readonly reload: () => void;
}

/** Loads a value when the component appears, and again when a dependency changes or `reload` is called. */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  dependencies: readonly unknown[],
): Loaded<Value> {
  const [state, setState] = useState<{ readonly value?: Value; readonly error?: Error }>({});
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    setState({});
  }, dependencies);
  useEffect(() => {
    const stop = new AbortController();
    latest.current(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ value });
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ ...old, error: asError(error) }));
      },
    );
    return () => {
      stop.abort();
    };
  }, [...dependencies, turn]);
  const reload = useCallback(() => {
    setTurn((old) => old + 1);
  }, []);
  return { value: state.value, error: state.error, reload };
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

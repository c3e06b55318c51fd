import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { asError } from '../live/use-loaded.js';

const PATIENCE_MS = 4000;

interface ActionProps {
  readonly label: string;
  readonly run: () => Promise<void>;
  readonly onError: (error: Error | undefined) => void;
  readonly isDisabled?: boolean;
}

/** A button for something that takes a moment; it can't be pressed again until then. */
export function ActionButton({ label, run, onError, isDisabled = false }: ActionProps): JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const press = (): void => {
    setBusy(true);
    onError(undefined);
    run()
      .catch((error: unknown) => {
        onError(asError(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <button type="button" disabled={isBusy || isDisabled} onClick={press}>
      {label}
    </button>
  );
}

/** A button that has to be pressed twice. */
export function ConfirmButton(props: ActionProps): JSX.Element {
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    if (!isAsking) return undefined;
    const timer = setTimeout(() => {
      setAsking(false);
    }, PATIENCE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [isAsking]);
  if (isAsking) return <ActionButton {...props} label={`${props.label}: really?`} />;
  return (
    <button
      type="button"
      disabled={props.isDisabled}
      onClick={() => {
        setAsking(true);
      }}
    >
      {props.label}
    </button>
  );
}

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { TaskState } from '../api/types.js';
import { CallError } from '../api/call.js';
import { ageInWords } from '../format/quantities.js';
import { visible } from '../format/visible-text.js';

/** Text of strangers. */
export function Text({ of }: { readonly of: string }): JSX.Element {
  return <span dir="auto">{visible(of)}</span>;
}

/** A state, as a word with its colour. */
export function State({ of, reason }: { readonly of: TaskState; readonly reason?: string | undefined }): JSX.Element {
  const isMore = reason !== undefined && reason !== of;
  return (
    <span class={`state state-${of}`}>
      {of}
      {isMore ? ` (${reason})` : ''}
    </span>
  );
}

/** How long ago something was; the exact time is in its title. */
export function Age({ of }: { readonly of: string | undefined }): JSX.Element {
  const now = useSeconds(10);
  if (of === undefined) return <span>–</span>;
  return (
    <time dateTime={of} title={of}>
      {ageInWords(of, now)}
    </time>
  );
}

/** Returns the present time in milliseconds, and renders again every so many seconds. */
export function useSeconds(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, every * 1000);
    return () => {
      clearInterval(timer);
    };
  }, [every]);
  return now;
}

/** What went wrong, if anything did. */
export function Failure({ of }: { readonly of: Error | undefined }): JSX.Element | null {
  if (!of) return null;
  const isOver = of instanceof CallError && of.status === 401;
  return (
    <p class="failure" role="alert">
      <Text of={of.message} />
      {isOver ? ' The server was started again, perhaps: its new address has a new token.' : ''}
    </p>
  );
}

/** A section with a heading. */
export function Section({
  title,
  children,
  aside,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly aside?: ComponentChildren;
}): JSX.Element {
  return (
    <section aria-label={title}>
      <div class="section-head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** A title of the page, which is also that of the window. */
export function Title({ children, of }: { readonly of: string; readonly children?: ComponentChildren }): JSX.Element {
  useEffect(() => {
    document.title = `${visible(of)} · Taskcluster`;
  }, [of]);
  return (
    <h1>
      <Text of={of} />
      {children}
    </h1>
  );
}

/** What there is to say of a list without entries. */
export function Nothing({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <p class="nothing">{children}</p>;
}

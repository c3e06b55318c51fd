import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Editor } from './code-mirror.js';
import type { Problem } from './use-problems.js';

interface EditorProps {
  /** What it shows; another one replaces all that was written since. */
  readonly given: { readonly text: string };
  /** What it has, as `onChange` told. */
  readonly text: string;
  readonly problems: readonly Problem[];
  readonly onChange: (text: string) => void;
}

/** An editor for YAML, which is loaded when it is used. Until then, and if that fails, it is a plain field. */
export function YamlEditor({ given, text, problems, onChange }: EditorProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [editor, setEditor] = useState<Editor>();
  const latest = useRef({ text, onChange });
  latest.current = { text, onChange };
  useEffect(() => {
    let made: Editor | undefined;
    let isGone = false;
    import('./code-mirror.js').then(
      ({ makeEditor }) => {
        if (isGone || !place.current) return;
        made = makeEditor(place.current, latest.current.text, (changed) => {
          latest.current.onChange(changed);
        });
        setEditor(made);
      },
      () => undefined,
    );
    return () => {
      isGone = true;
      made?.close();
    };
  }, []);
  useEffect(() => {
    editor?.setText(given.text);
  }, [given]);
  useEffect(() => {
    editor?.showProblems(problems);
  }, [editor, problems]);
  return (
    <>
      <div class="editor" ref={place} />
      {!editor && (
        <textarea
          class="code"
          aria-label="Definition as YAML"
          rows={24}
          spellcheck={false}
          value={text}
          onInput={(event) => {
            onChange(event.currentTarget.value);
          }}
        />
      )}
    </>
  );
}

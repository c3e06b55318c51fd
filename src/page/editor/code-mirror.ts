import { yaml } from '@codemirror/lang-yaml';
import { syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import type { Diagnostic } from '@codemirror/lint';
import { EditorView } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { styleNonce } from '../style-nonce.js';
import type { Problem } from './use-problems.js';
import { placeIn } from './yaml-places.js';

export interface Editor {
  readonly setText: (text: string) => void;
  readonly showProblems: (problems: readonly Problem[]) => void;
  readonly close: () => void;
}

/** Makes an editor inside of the element. Tab moves on to what is next, as everywhere on the page. */
export function makeEditor(parent: HTMLElement, text: string, onChange: (text: string) => void): Editor {
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      basicSetup,
      yaml(),
      // The colours are in the style sheet, as they are not the same in the dark.
      syntaxHighlighting(classHighlighter),
      lintGutter(),
      EditorView.lineWrapping,
      EditorView.cspNonce.of(styleNonce()),
      EditorView.darkTheme.of(matchMedia('(prefers-color-scheme: dark)').matches),
      EditorView.contentAttributes.of({ 'aria-label': 'Definition as YAML', spellcheck: 'false' }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
    ],
  });
  return {
    setText: (wanted) => {
      const current = view.state.doc.toString();
      if (current !== wanted) view.dispatch({ changes: { from: 0, to: current.length, insert: wanted } });
    },
    showProblems: (problems) => {
      const current = view.state.doc.toString();
      view.dispatch(
        setDiagnostics(
          view.state,
          problems.map((problem) => diagnosticOf(current, problem)),
        ),
      );
    },
    close: () => {
      view.destroy();
    },
  };
}

function diagnosticOf(text: string, { path, message, at }: Problem): Diagnostic {
  const end = Math.min((at ?? 0) + 1, text.length);
  const { from, to } = at === undefined ? placeIn(text, path) : { from: Math.min(at, end), to: end };
  return { from, to, message, severity: 'error' };
}

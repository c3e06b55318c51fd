/** The operator's terminal, if there is one. */
export interface Terminal {
  readonly isInteractive: boolean;
  /** Prints one line for people. */
  say(line: string): void;
  /** Asks for a line; a secret is not shown while it is typed. Requires `isInteractive`. */
  ask(question: string, kind: 'open' | 'secret'): Promise<string>;
}

/** Returns whether the operator confirms. Returns false without a terminal. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  if (!terminal.isInteractive) return false;
  const answer = await terminal.ask(`${question} [y/N] `, 'open');
  return /^y(es)?$/i.test(answer.trim());
}

/** Returns the same terminal, but without questions. */
export function withoutQuestions(terminal: Terminal): Terminal {
  return {
    isInteractive: false,
    say: (line) => {
      terminal.say(line);
    },
    ask: () => Promise.reject(new Error('this terminal does not ask questions')),
  };
}

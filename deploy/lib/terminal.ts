/** The person at the terminal, if there is one. */
export interface Terminal {
  readonly isInteractive: boolean;
  /** One line for a person to read. */
  say(line: string): void;
  /** Asks for a line; what is typed for a secret is not shown. Only if `isInteractive`. */
  ask(question: string, kind: 'open' | 'secret'): Promise<string>;
}

/** Whether the operator agrees. Without a terminal nobody can: false. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  if (!terminal.isInteractive) return false;
  const answer = await terminal.ask(`${question} [y/N] `, 'open');
  return /^y(es)?$/i.test(answer.trim());
}

/** The same terminal, but nobody who answers. */
export function withoutQuestions(terminal: Terminal): Terminal {
  return {
    isInteractive: false,
    say: (line) => {
      terminal.say(line);
    },
    ask: () => Promise.reject(new Error('nobody is asked')),
  };
}

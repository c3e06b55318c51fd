import assert from 'node:assert/strict';
import type { Terminal } from '../../../deploy/lib/terminal.js';

/** A terminal with these answers, by the beginning of the question; without answers it is not interactive. */
export class FakeTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly asked: { readonly question: string; readonly kind: 'open' | 'secret' }[] = [];
  readonly isInteractive: boolean;
  readonly #answers: Readonly<Record<string, string>>;

  constructor(answers: Readonly<Record<string, string>> = {}) {
    this.#answers = answers;
    this.isInteractive = Object.keys(answers).length > 0;
  }

  get text(): string {
    return this.lines.join('\n');
  }

  say(line: string): void {
    this.lines.push(line);
  }

  ask(question: string, kind: 'open' | 'secret'): Promise<string> {
    this.asked.push({ question, kind });
    const [, answer] = Object.entries(this.#answers).find(([start]) => question.startsWith(start)) ?? [];
    return Promise.resolve(answer ?? assert.fail(`no answer is known to: ${question}`));
  }
}

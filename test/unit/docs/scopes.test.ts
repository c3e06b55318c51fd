import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { sourceStrings } from '../../support/source-strings.js';
import type { SourceString } from '../../support/source-strings.js';

const SCOPE = /^(docker-worker|queue|index|secrets|purge-cache|worker-manager|assume):[a-z][\w-]*:\S*$/;

/** With the same mark for all that is filled in, so that the page and the code can be compared. */
function bare(scope: string): string {
  return scope.replace(/<[^<>]*>/g, '<>');
}

/** What the page has in backticks below a heading that is a scope. */
function scopesBelow(page: string, heading: string): ReadonlySet<string> {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  const quoted = [...section.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
  return new Set(quoted.filter((text) => SCOPE.test(text) && !text.includes('*') && !/proj\/ci/.test(text)).map(bare));
}

/** Whether both can be the same scope once values are filled in. */
function fits(one: string, other: string): boolean {
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = (text: string): RegExp => new RegExp(`^${text.split('<>').map(literal).join('.+')}$`);
  return pattern(one).test(other) || pattern(other).test(one);
}

describe('docs/scopes.md', () => {
  let page: string;
  let inWorker: readonly SourceString[];
  before(async () => {
    page = await readFile('docs/scopes.md', 'utf8');
    inWorker = (await sourceStrings('src/lib')).filter(({ text }) => SCOPE.test(text));
    assert.ok(inWorker.length >= 8, 'the scopes of the code are not found any more');
  });

  const told = (): readonly string[] => [
    ...scopesBelow(page, 'Scopes of tasks'),
    ...scopesBelow(page, 'Scopes of the worker'),
  ];

  it('lists every scope that the worker checks', () => {
    const untold = inWorker.filter(({ text }) => !told().some((scope) => fits(scope, text)));
    assert.deepEqual(
      untold.map(({ text }) => text),
      [],
    );
  });

  it('names the form for one pool exactly where it exists', () => {
    const tasks = [...scopesBelow(page, 'Scopes of tasks')].filter((scope) => scope.startsWith('docker-worker:'));
    for (const { text, call } of inWorker.filter(({ text }) => text.startsWith('docker-worker:'))) {
      const isForPool = (scope: string): boolean => scope.endsWith(':<>') && tasks.includes(scope.slice(0, -3));
      const forms = tasks.filter((scope) => fits(text, scope) && !isForPool(scope));
      assert.ok(forms.length > 0, text);
      for (const form of forms) {
        assert.equal(tasks.includes(`${form}:<>`), call === 'orForPool', form);
      }
    }
  });

  it('lists only scopes that the worker checks', () => {
    const stale = [...scopesBelow(page, 'Scopes of tasks')].filter(
      (scope) =>
        scope.startsWith('docker-worker:') &&
        !inWorker.some(({ text, call }) => fits(text, scope) || (call === 'orForPool' && fits(`${text}:<>`, scope))),
    );
    assert.deepEqual(stale, []);
  });

  it('lists only scopes that services require', async () => {
    const asked = (await sourceStrings('src/local-taskcluster'))
      .map(({ text }) => text)
      .filter((text) => SCOPE.test(text));
    const unknown = [...scopesBelow(page, 'Scopes of the worker')].filter(
      (scope) => !asked.some((text) => fits(scope, text)),
    );
    assert.deepEqual(unknown, []);
  });
});

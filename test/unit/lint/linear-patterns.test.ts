import assert from 'node:assert/strict';
import { ESLint } from 'eslint';

const RULES = ['regexp/no-super-linear-backtracking', 'regexp/no-super-linear-move', 'no-restricted-syntax'];

/** Only what is said of patterns, without the types of the whole project, which take long to load. */
const eslint = new ESLint({
  overrideConfig: { languageOptions: { parserOptions: { project: null } } },
  ruleFilter: ({ ruleId }) => RULES.includes(ruleId),
});

async function problemsOf(code: string, filePath: string): Promise<readonly (string | null)[]> {
  const [result] = await eslint.lintText(`export const it = ${code};\n`, { filePath });
  return (result ?? assert.fail()).messages.map(({ ruleId, message }) => ruleId ?? message);
}

describe('npm run lint', () => {
  const [BACKTRACKING, MOVE, FORM] = RULES as [string, string, string];

  const refused: readonly (readonly [pattern: string, rule: string])[] = [
    [String.raw`/^\s*bytes\s*=\s*(\d{0,15})\s*-/.exec(header)`, BACKTRACKING],
    [String.raw`/^(a+)+$/.test(text)`, BACKTRACKING],
    [String.raw`text.replace(/\/+$/, '')`, MOVE],
    [String.raw`text.split(/\s*\n\s*/)`, MOVE],
    [String.raw`/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s@]+@/gi.exec(text)`, FORM],
    [String.raw`/(?<!x)[a-z]+:/.exec(text)`, FORM],
    [String.raw`text.match(/BEGIN[^]*?END/g)`, FORM],
    [String.raw`text.match(/BEGIN[\s\S]*END/g)`, FORM],
    [String.raw`text.match(/"(.*)"/)`, FORM],
    ['new RegExp(text)', FORM],
    ['RegExp(`^${text}$`)', FORM],
  ];
  for (const [code, rule] of refused) {
    it(`refuses ${code}, which can take more than linear time`, async () => {
      for (const filePath of ['src/lib/log/probe.ts', 'src/local-taskcluster/probe.ts', 'deploy/lib/probe.ts']) {
        assert.ok((await problemsOf(code, filePath)).includes(rule), filePath);
      }
      assert.ok((await problemsOf(code, 'scripts/probe.mjs')).includes(rule));
    });
  }

  it("refuses node's recursive mkdir, which tries for ever below /proc", async () => {
    const code = "mkdir('/proc/a/b', { mode: 0o700, recursive: true })";
    assert.deepEqual(await problemsOf(code, 'src/lib/log/probe.ts'), [FORM]);
    assert.deepEqual(await problemsOf("mkdir('/a', { mode: 0o700 })", 'src/lib/log/probe.ts'), []);
  });

  const allowed = [
    String.raw`/^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header)`,
    String.raw`text.replace(/\?.*/, '')`,
    String.raw`/(:\/\/)[^\s/@"'<>]+@/g.exec(text)`,
    String.raw`/\bmust\b/g.exec(text)`,
    String.raw`/^Cpus:(.*) of$/.exec(text)`,
  ];
  for (const code of allowed) {
    it(`allows ${code}`, async () => {
      assert.deepEqual(await problemsOf(code, 'src/lib/log/probe.ts'), []);
    });
  }
});

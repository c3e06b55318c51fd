import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

/** Libraries with one home: the folder named in the message is their only importer. */
const LIBRARIES = {
  dockerode: 'Only src/lib/docker/ talks to the engine; use the DockerEngine port.',
  'taskcluster-client': 'Only src/lib/queue/ and the worker-manager client talk to taskcluster-client; use the ports.',
  pino: 'Only src/lib/log/ knows pino; take a Logger.',
  'prom-client': 'Only src/lib/log/ knows prom-client; take a MetricsRecorder.',
  openpgp: 'Only src/lib/features/encrypted-env/ knows openpgp.',
};
const PROCESS = 'Only src/bin/ touches the process; take what you need as a parameter.';

const restrictLibraries = (...allowed) => {
  const paths = Object.entries({ ...LIBRARIES, 'node:process': PROCESS })
    .filter(([name]) => !allowed.includes(name))
    .map(([name, message]) => ({ name, message }));
  return { 'no-restricted-imports': ['error', { paths }] };
};

const lib = (...folders) => folders.map((folder) => `./src/lib/${folder}`);

/** The layers, from the top: none may import one above it, types included. docs/architecture.md says what each is. */
const LAYERS = [
  ...['./src/bin', './src/local-ci', './src/local-run'],
  ...lib('worker', 'features', 'task', 'task-log', 'images', 'artifacts', 'caches', 'devices', 'host', 'gc'),
  ...lib('docker', 'queue', 'log', 'config', 'outcome', 'util'),
];
const ZONES = [
  ...LAYERS.slice(1).map((target, index) => ({
    target,
    from: LAYERS.slice(0, index + 1),
    message: `${target.replace('./', '')}/ is below that: turn the dependency round, or move what both need further down.`,
  })),
  {
    target: './src/lib',
    from: './src/local-taskcluster',
    message: 'The local Taskcluster is a program of its own, which the worker knows by its addresses alone.',
  },
  { target: './src/local-taskcluster', from: ['./src/bin', './src/local-ci', './src/local-run'] },
  {
    target: ['./src/bin', './src/local-ci', './src/local-run', './src/local-taskcluster', './src/lib'],
    from: './src/page',
    message: 'The page runs in browsers; programs only hand out its bundle.',
  },
  {
    target: './src/page',
    from: ['./src/bin', './src/local-ci', './src/local-run', './src/local-taskcluster', './src/lib'],
    message: 'The page runs in browsers, and knows the services by their addresses alone.',
  },
];

/** The adapters of the ports, which nobody but the composition root may choose. */
const ADAPTERS = lib(
  'docker/dockerode-engine.ts',
  'queue/taskcluster-queue.ts',
  'queue/taskcluster-purge-cache.ts',
  'host/taskcluster-worker-manager.ts',
).map((from) => ({
  target: './src/lib',
  from,
  message: 'Only worker/compose/ chooses adapters; take the port.',
}));

/** What is refused by its form. */
const FORMS = [
  {
    selector: String.raw`Literal[regex.pattern=/(\\b|\\B|\(\?<[=!]).*(?<!\\)([*+]|\{\d+,\})/]`,
    message: 'Whether a quantifier behind \\b or a lookbehind takes quadratic time is not checked: do without.',
  },
  {
    selector: String.raw`Literal[regex.pattern=/^(?!\^).*(\[\^\]|\[\\s\\S\]|(?<!\\)\.)[*+]\??(?!\)*$)/]`,
    message: 'A wildcard in the middle of a pattern that may begin anywhere takes quadratic time: use indexOf.',
  },
  {
    selector: ':matches(NewExpression, CallExpression)[callee.name="RegExp"]',
    message: 'A pattern that is made at run time is not checked: write a literal, or use matchesGlob.',
  },
];
const RECURSIVE_MKDIR = {
  selector: 'CallExpression[callee.name=/^mkdir/] > ObjectExpression > Property[key.name="recursive"]',
  message: "node's recursive mkdir tries for ever below /proc: use makeDirectory.",
};

const HTML = {
  selector:
    ':matches(Identifier, JSXIdentifier)[name=/^(dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML)$/]',
  message: 'The page shows text of strangers: it only ever becomes text nodes.',
};

/**
 * Text of strangers goes through these patterns: none may take more than linear time, on a match or while looking for
 * one. What the two rules of the plugin can't see is refused by its form.
 */
const LINEAR_PATTERNS = {
  files: ['{src,deploy}/**/*.{ts,tsx}', 'scripts/**/*.mjs'],
  plugins: { regexp },
  rules: {
    'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
    'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    'no-restricted-syntax': ['error', ...FORMS],
  },
};

const restrictPaths = (zones) => ({ 'import-x/no-restricted-paths': ['error', { zones }] });

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'deploy/target/'] },
  { files: ['**/*.mjs'], extends: [tseslint.configs.recommended] },
  LINEAR_PATTERNS,
  { files: ['{src,deploy}/**/*.{ts,tsx}'], rules: { 'no-restricted-syntax': ['error', ...FORMS, RECURSIVE_MKDIR] } },
  {
    files: ['src/**/*.{ts,tsx}', 'test/**/*.ts', 'deploy/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
      // Imports name the compiled file (x.js); the source beside it is x.ts or x.tsx.
      'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.tsx', '.js'] } })],
    },
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': 'error',
      'import-x/no-default-export': 'error',
      'import-x/no-cycle': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      ...restrictPaths(ZONES),
    },
  },
  {
    files: ['src/page/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: './tsconfig.page.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'The page runs in browsers, without node.' }] },
      ],
      'no-restricted-syntax': ['error', ...FORMS, HTML],
    },
  },
  {
    files: ['src/lib/**/*.ts', 'src/local-taskcluster/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'process', message: PROCESS }],
      ...restrictPaths([...ZONES, ...ADAPTERS]),
      ...restrictLibraries(),
    },
  },
  {
    files: ['deploy/lib/**/*.ts', 'deploy/variables.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'process', message: PROCESS.replace('src/bin/', 'deploy/bin/') }],
    },
  },
  { files: ['src/lib/worker/compose/*.ts'], rules: restrictPaths(ZONES) },
  { files: ['src/lib/docker/**/*.ts'], rules: restrictLibraries('dockerode') },
  {
    files: ['src/lib/queue/**/*.ts', 'src/lib/host/taskcluster-worker-manager.ts'],
    rules: restrictLibraries('taskcluster-client'),
  },
  { files: ['src/lib/log/**/*.ts'], rules: restrictLibraries('pino', 'prom-client') },
  { files: ['src/lib/features/encrypted-env/*.ts'], rules: restrictLibraries('openpgp') },
  { files: ['test/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
);

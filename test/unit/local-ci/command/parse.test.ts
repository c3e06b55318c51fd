import assert from 'node:assert/strict';
import { CommanderError } from 'commander';
import { parseCommandLine } from '../../../../src/local-ci/command/parse.js';
import type { Invocation } from '../../../../src/local-ci/command/parse.js';

function parsed(...argv: readonly string[]): Extract<Invocation, { kind: 'ci' }> {
  const invocation = parseCommandLine(argv, '1.2.3');
  assert.ok(invocation.kind === 'ci');
  return invocation;
}

/** What commander prints and throws for a wrong command line. */
function refusalOf(...argv: readonly string[]): string {
  const { stderr } = process;
  const own = Object.getOwnPropertyDescriptor(stderr, 'write');
  let printed = '';
  Object.defineProperty(stderr, 'write', {
    configurable: true,
    value: (text: string) => {
      printed += text;
      return true;
    },
  });
  try {
    assert.throws(() => parseCommandLine(argv, '1.2.3'), CommanderError);
  } finally {
    if (own) Object.defineProperty(stderr, 'write', own);
    else Reflect.deleteProperty(stderr, 'write');
  }
  return printed;
}

describe('the command line of local-ci', () => {
  it('has an event and a path in either order, or one of them, or none', () => {
    const operands = (...argv: readonly string[]): readonly unknown[] => {
      const { path, event } = parsed(...argv);
      return [path, event];
    };
    assert.deepEqual(operands(), [undefined, undefined]);
    assert.deepEqual(operands('tag'), [undefined, 'tag']);
    assert.deepEqual(operands('some/directory'), ['some/directory', undefined]);
    assert.deepEqual(operands('some/directory', 'release'), ['some/directory', 'release']);
    assert.deepEqual(operands('pull-request', 'some/directory'), ['some/directory', 'pull-request']);
    assert.deepEqual(operands('./push'), ['./push', undefined]);
    assert.deepEqual(operands('push', 'push'), ['push', 'push']);
  });

  it('refuses an event that there is not, and more operands', () => {
    assert.match(
      refusalOf('directory', 'pul-request'),
      /^error: there is no event "pul-request": expected one of push, /,
    );
    assert.match(refusalOf('a', 'push', 'c'), /^error: too many arguments/);
  });

  it('collects what may be repeated, in its order', () => {
    const { given } = parsed(
      ...['--env', 'A=1', '--env', 'B=x=y', '--env-file', 'one', '--env-file', 'two'],
      ...['--secret', 'project/a=file', '--secret', 'TOKEN', '--image', 'build=alpine:3', '-j', 'a', '--task', '/b/'],
    );
    assert.deepEqual(given, {
      env: [
        ['A', '1'],
        ['B', 'x=y'],
      ],
      envFile: ['one', 'two'],
      secret: [
        { name: 'project/a', file: 'file' },
        { name: 'TOKEN', file: undefined },
      ],
      image: [['build', 'alpine:3']],
      task: ['a', '/b/'],
    });
  });

  it('takes --rerun and --graph without a value, whatever stands behind them', () => {
    assert.deepEqual(parsed('--rerun').given, { rerun: 'all' });
    assert.deepEqual(parsed('--rerun', 'failed').given, { rerun: 'failed' });
    assert.deepEqual(parsed('--rerun', 'directory').path, 'directory');
    assert.deepEqual(parsed('--rerun=failed').given, { rerun: 'failed' });
    assert.deepEqual(parsed('--graph', 'tag').given, { graph: 'dot' });
    assert.deepEqual(parsed('--graph', 'text').given, { graph: 'text' });
  });

  it('refuses values that can mean nothing', () => {
    assert.match(
      refusalOf('--concurrency', '0'),
      /'--concurrency <n>' argument '0' is invalid. It must be a number from 1/,
    );
    assert.match(refusalOf('--number', '1e3'), /argument '1e3' is invalid/);
    assert.match(refusalOf('--env', 'A'), /argument 'A' is invalid. It must be a name, = and a value/);
    assert.match(refusalOf('--secret', '=file'), /argument '=file' is invalid/);
    assert.match(refusalOf('--image', '=x'), /argument '=x' is invalid/);
    assert.match(refusalOf('--rerun=some'), /Allowed choices are all, failed/);
  });

  it('refuses what excludes each other', () => {
    assert.match(refusalOf('--list', '--json'), /cannot be used with/);
    assert.match(refusalOf('-n', '--graph'), /cannot be used with/);
    assert.match(refusalOf('--keep-going', '--fail-fast'), /cannot be used with/);
    assert.match(refusalOf('--watch', '--rerun'), /cannot be used with/);
  });

  it('knows a subcommand for completion', () => {
    assert.deepEqual(parseCommandLine(['completion', 'fish'], '1'), { kind: 'completion', shell: 'fish' });
    assert.match(refusalOf('completion', 'tcsh'), /Allowed choices are bash, zsh, fish/);
    assert.match(refusalOf('completion'), /missing required argument/);
  });
});

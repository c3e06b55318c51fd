import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { DockerError } from '../../../../src/lib/docker/engine.js';
import { DISPLAY_DIRECTORY } from '../../../../src/lib/features/interactive/container-scripts.js';
import { displayBind } from '../../../../src/lib/features/interactive/displays.js';
import type { FakeExecProgram } from '../../../fakes/fake-exec.js';
import { until } from '../../../support/until.js';
import { ShellBench } from './shell-bench.js';

const never: FakeExecProgram = () => new Promise(() => undefined);

describe('the directory of the programs for displays', () => {
  let parent: string;
  beforeEach(async () => {
    parent = await realpath(await mkdtemp(join(tmpdir(), 'display-tools-')));
  });
  afterEach(() => rm(parent, { recursive: true }));

  const make = async (directory: string, ...names: readonly string[]): Promise<string> => {
    await mkdir(join(parent, directory));
    for (const name of names) await writeFile(join(parent, directory, name), '', { mode: 0o755 });
    return join(parent, directory);
  };

  it('is mounted as a whole, through links', async () => {
    const directory = await make('tools', 'x11vnc', 'list-displays', 'library');
    const link = join(parent, 'link');
    await symlink(directory, link);
    assert.equal(await displayBind(link), `${directory}:${DISPLAY_DIRECTORY}:ro`);
  });

  it('may be missing', async () => {
    assert.equal(await displayBind(join(parent, 'nothing')), undefined);
  });

  it('must contain both programs, and have a path that can be mounted', async () => {
    const leading = await make('leading', 'x11vnc');
    await symlink('/bin/true', join(leading, 'list-displays'));
    const unrunnable = await make('unrunnable', 'x11vnc');
    await writeFile(join(unrunnable, 'list-displays'), '', { mode: 0o644 });
    for (const [directory, reason] of [
      [await make('empty'), /^Error: interactive\.displayToolsPath: \/.*: ENOENT: .*It must contain the programs/],
      [await make('half', 'x11vnc'), /ENOENT/],
      [await make('a:b', 'x11vnc', 'list-displays'), /its path contains a colon/],
      [leading, /leads out of it/],
      [unrunnable, /EACCES/],
      ['/dev/null', /ENOTDIR/],
    ] as const) {
      await assert.rejects(displayBind(directory), reason);
    }
  });
});

describe('the list of displays', () => {
  let bench: ShellBench;
  afterEach(() => bench.close());

  const list = async (): Promise<readonly [number, unknown]> => {
    const response = await fetch(bench.endpoint.displaysUrl);
    return [response.status, await response.json()];
  };

  it('is parsed from its program’s output', async () => {
    bench = await ShellBench.start(async ({ print }) => {
      await print('noise', 'stderr');
      await print(':0.0\t10');
      await print('24x768\n:1.0\t640x480\n');
      return 0;
    });
    assert.deepEqual(await list(), [
      200,
      [
        { display: ':0.0', width: 1024, height: 768 },
        { display: ':1.0', width: 640, height: 480 },
      ],
    ]);
    assert.deepEqual([bench.engine.execs[0]?.isClosed, bench.kills], [true, 0]);
  });

  for (const [what, program, reason] of [
    [
      'prints nonsense',
      ({ print }) => print('nonsense').then(() => 0),
      /list-displays printed an invalid line: "nonsense"$/,
    ],
    ['fails', ({ print }) => print('no X\n', 'stderr').then(() => 3), /exited with code 3: no X$/],
    ['takes too long', never, /listing the displays did not finish within 0\.2 s$/],
    [
      'prints without end',
      async ({ print, killed }) => {
        while (!killed.aborted) await print(':0.0\t1024x768\n'.repeat(100));
        return 0;
      },
      /list-displays prints more than 65536 bytes$/,
    ],
  ] as const satisfies readonly (readonly [string, FakeExecProgram, RegExp])[]) {
    it(`is an error when its program ${what}, which is then killed`, async () => {
      bench = await ShellBench.start(program);
      const [status, { message }] = (await list()) as readonly [number, { message: string }];
      assert.equal(status, 500);
      assert.match(message, reason);
      await until('the program is killed', () => bench.kills);
      assert.equal(bench.engine.execs[0]?.isClosed, true);
    });
  }

  it('is an error when the engine does not start its program', async () => {
    bench = await ShellBench.start(never);
    bench.engine.fail('exec', new DockerError('out of order', undefined));
    assert.deepEqual(await list(), [500, { message: 'The displays could not be listed: out of order' }]);
  });
});

describe('a display that cannot be shown', () => {
  it('has its reason in the logs, on one line', async () => {
    const bench = await ShellBench.start(async ({ print }) => {
      await print('no such\n', 'stderr');
      await print('display\n', 'stderr');
      await print('advice '.repeat(1000), 'stderr');
      return 1;
    });
    const [code, reason] = (await once(new WebSocket(`${bench.endpoint.displayUrl}?display=:7`), 'close')) as [
      number,
      Buffer,
    ];
    assert.deepEqual([code, String(reason)], [1000, 'exit code 1']);
    const { fields } = await bench.log.next('interactive session closed');
    const complaint = String(fields['complaint']);
    assert.match(complaint, /^no such \| display \| advice /);
    assert.ok(complaint.length < 600, complaint);
    assert.match(
      bench.output.lines.join('\n'),
      /session 1 closed with exit code 1 after \d+ seconds: no such \| display/,
    );
    await bench.close();
  });
});

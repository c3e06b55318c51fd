import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const TSX = import.meta.resolve('tsx');
const MODULE = new URL('../../../src/lib/docker/dockerode.ts', import.meta.url).href;
const CACHE = createRequire(import.meta.url).resolve('dockerode');

/** Runs `script` in a process that has loaded nothing else, as tests load dockerode themselves. */
async function inNewProcess(script: string): Promise<string> {
  const program = `import { createRequire } from 'node:module';
    const { Docker } = await import(${JSON.stringify(MODULE)});
    const { cache } = createRequire(${JSON.stringify(CACHE)});
    ${script}`;
  const args = ['--import', TSX, '--input-type=module', '--eval', program];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}

describe('dockerode as the worker loads it', () => {
  it('is without gRPC and ssh, and the rest is there', async () => {
    const script = `console.log(JSON.stringify([typeof new Docker().createContainer, Object.keys(cache)]));`;
    const [type, files] = JSON.parse(await inNewProcess(script)) as [string, string[]];
    assert.equal(type, 'function');
    assert.ok(files.includes(CACHE));
    assert.deepEqual(
      files.filter((file) => /node_modules\/(@grpc|protobufjs|ssh2)\//.test(file)),
      [],
    );
  });

  it('says so when it is asked for an engine behind ssh', async () => {
    const script = `
      const docker = new Docker({ protocol: 'ssh', host: '127.0.0.1', port: 1 });
      await docker.ping().catch((error) => console.log(error.message));`;
    assert.equal(await inNewProcess(script), 'docker-modem was loaded without ./ssh\n');
  });
});

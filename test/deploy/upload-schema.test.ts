import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { FakeBin } from './support/fake-bin.js';
import { FakeS3 } from './support/fake-s3.js';
import { need } from './support/needed-program.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'not-to-be-seen',
  AWS_REGION: 'us-west-2',
};

describe('upload-schema', function () {
  let store: FakeS3;
  before(function () {
    need(this, 'aws', 'awscli');
  });
  beforeEach(async () => {
    store = await FakeS3.start(CREDENTIALS.AWS_ACCESS_KEY_ID);
  });
  afterEach(() => store.close());

  const upload = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
    runScript('deploy/bin/upload-schema', ['--endpoint-url', store.url, ...args], { env: { ...CREDENTIALS, ...env } });

  it('uploads the payload schema to the bucket with a signed request', async () => {
    const { code, stdout, stderr } = await upload(['--bucket', 'schemas', '--prefix', '/docker-worker/v1/']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^Uploaded .*payload\.json to s3:\/\/schemas\/docker-worker\/v1\/payload\.json\n$/);
    assert.deepEqual([...store.objects.keys()], ['/schemas/docker-worker/v1/payload.json']);
    const [stored = assert.fail()] = store.objects.values();
    assert.deepEqual(stored.body, await readFile('schemas/v1/payload.json'));
    assert.equal(stored.headers['content-type'], 'application/json');
  });

  it('does the same when compiled', async () => {
    const args = ['dist/bin/upload-schema.js', '--endpoint-url', store.url, '--bucket', 'schemas', '--prefix', ''];
    await promisify(execFile)('node', args, {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...CREDENTIALS },
    });
    const stored = store.objects.get('/schemas/payload.json') ?? assert.fail();
    assert.deepEqual(stored.body, await readFile('schemas/v1/payload.json'));
  });

  it("reports AWS's answer and the required permission", async () => {
    const { code, stderr } = await upload(['--bucket', 'schemas'], { AWS_ACCESS_KEY_ID: 'AKIDOTHER' });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /AccessDenied[^]*AWS credentials .* with the permission s3:PutObject for the bucket schemas\./,
    );
    assert.doesNotMatch(stderr, /not-to-be-seen|\n\s+at /);
    assert.equal(store.objects.size, 0);
  });

  it('only prints the command in a dry run', async () => {
    const { code, stdout } = await upload(['--bucket', 'schemas', '--region', 'eu-west-1', '--dry-run']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Would run: aws --endpoint-url http\S+ --region eu-west-1 s3api put-object --bucket schemas --key docker-worker\/v1\/payload\.json /,
    );
    assert.equal(store.objects.size, 0);
  });

  it('requires a bucket and the AWS CLI', async () => {
    const { code, stderr } = await upload([]);
    assert.equal(code, 2);
    assert.match(stderr, /required option '--bucket <name>' not specified/);
    const bin = await FakeBin.create();
    try {
      const without = await upload(['--bucket', 'schemas'], { PATH: bin.path });
      assert.equal(without.code, 1);
      assert.match(without.stderr, /^upload-schema: aws: not found\. Install the AWS CLI/);
    } finally {
      await bin.dispose();
    }
  });
});

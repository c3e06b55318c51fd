import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretUrlServer, newToken } from '../../../src/lib/features/secret-url-server.js';
import { FixedHost } from '../../../src/lib/host/public-host.js';
import { TlsFiles } from '../../../src/lib/util/tls-files.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { makeCertificate } from '../../support/certificate.js';

const LIMITS = { waiting: 10, connections: 10, requestMs: 60_000 };
const REMEMBERED = 2000;

describe('a server for secret URLs', () => {
  let directory: string;
  let server: SecretUrlServer<string>;

  const start = async (tls?: TlsFiles): Promise<void> => {
    const publicHost = new FixedHost('localhost');
    server = await SecretUrlServer.start({ port: 0, publicHost, tls, log: new MemoryLogger() }, LIMITS);
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'secret-urls-'));
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  it('finds the target of a token until it expires, and remembers the last 2000 expired ones', async () => {
    await start();
    const tokens = Array.from({ length: REMEMBERED + 1 }, newToken);
    for (const token of tokens) server.open(token, `of ${token}`);
    const [first = '', second = ''] = tokens;
    assert.deepEqual([server.find(first), server.find(newToken())], [`of ${first}`, undefined]);
    server.expire(first);
    server.expire(first);
    server.expire(newToken());
    assert.deepEqual([server.find(first), server.find(second)], ['expired', `of ${second}`]);
    for (const token of tokens.slice(1)) server.expire(token);
    assert.deepEqual([server.find(first), server.find(second)], [undefined, 'expired']);
  });

  it('closes connections without a finished TLS handshake when it closes', async () => {
    await start(await TlsFiles.read(await makeCertificate(directory, 'localhost')));
    const silent = connect(server.port, 'localhost');
    await Promise.all([once(silent, 'connect'), once(server.http, 'connection')]);
    const cutOff = once(silent.resume(), 'close');
    await Promise.all([server.close(), cutOff]);
  });
});

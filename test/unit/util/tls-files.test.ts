import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TlsFiles } from '../../../src/lib/util/tls-files.js';
import { makeCertificate } from '../../support/certificate.js';
import type { CertificatePaths } from '../../support/certificate.js';

describe('TlsFiles', () => {
  let dir: string;
  let paths: CertificatePaths;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'tls-files-'));
    paths = await makeCertificate(dir, 'first.example.com');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const nameOf = ({ cert }: { cert: Buffer }): string | undefined => new X509Certificate(cert).subjectAltName;

  it('returns nothing while nothing changes', async () => {
    const files = await TlsFiles.read(paths);
    assert.equal(nameOf(files.current), 'DNS:first.example.com');
    assert.equal(await files.renewed(), undefined);
  });

  it('returns changed files once', async () => {
    const files = await TlsFiles.read(paths);
    await makeCertificate(dir, 'second.example.com');
    const renewed = await files.renewed();
    assert.equal(renewed && nameOf(renewed), 'DNS:second.example.com');
    assert.equal(nameOf(files.current), 'DNS:second.example.com');
    assert.equal(await files.renewed(), undefined);
  });

  it('returns new files when their links change', async () => {
    const live = path.join(dir, 'live');
    await symlink(dir, live);
    const linked = { certificate: path.join(live, 'tls.crt'), key: path.join(live, 'tls.key') };
    const files = await TlsFiles.read(linked);
    const archive = path.join(dir, 'archive-2');
    await mkdir(archive);
    await makeCertificate(archive, 'second.example.com');
    await rm(live);
    await symlink(archive, live);
    const renewed = await files.renewed();
    assert.equal(renewed && nameOf(renewed), 'DNS:second.example.com');
  });

  it('keeps the old pair, and logs it once, while certificate and key do not match', async () => {
    const files = await TlsFiles.read(paths);
    const other = path.join(dir, 'other');
    await mkdir(other);
    await makeCertificate(other, 'second.example.com');
    await rm(paths.certificate);
    await symlink(path.join(other, 'tls.crt'), paths.certificate);
    await assert.rejects(files.renewed(), /key values mismatch/);
    assert.equal(nameOf(files.current), 'DNS:first.example.com');
    assert.equal(await files.renewed(), undefined);
    await rm(paths.key);
    await assert.rejects(files.renewed(), { code: 'ENOENT' });
    await symlink(path.join(other, 'tls.key'), paths.key);
    const renewed = await files.renewed();
    assert.equal(renewed && nameOf(renewed), 'DNS:second.example.com');
  });

  it('refuses files that are not a certificate or a key', async () => {
    await writeFile(paths.key, 'no key');
    await assert.rejects(TlsFiles.read(paths));
    await assert.rejects(TlsFiles.read({ ...paths, certificate: path.join(dir, 'nowhere') }), { code: 'ENOENT' });
  });
});

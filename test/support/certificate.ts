import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
}

/** A new certificate for `name` (`*.example.com` for all below that domain), signed by itself, and its key. */
export async function makeCertificate(directory: string, name: string): Promise<CertificatePaths> {
  const paths = { certificate: path.join(directory, 'tls.crt'), key: path.join(directory, 'tls.key') };
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=worker', '-addext', `subjectAltName=DNS:${name}`];
  await promisify(execFile)('openssl', [...args, ...subject, '-keyout', paths.key, '-out', paths.certificate]);
  return paths;
}

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Makes a certificate for `localhost` in `directory`; returns the paths of it and of its key. */
export async function selfSigned(directory: string): Promise<{ readonly certificate: string; readonly key: string }> {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  await promisify(execFile)('openssl', [...args, ...subject, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}

import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:https';
import type { Logger } from '../log/logger.js';
import { certificateEnd } from '../util/tls-files.js';
import type { TlsFiles } from '../util/tls-files.js';

/** Gives a running server the certificate that was renewed on disk; connections that are open keep theirs. */
export class CertificateRenewal {
  readonly #files: TlsFiles;
  readonly #server: Server;
  readonly #log: Logger;

  constructor(files: TlsFiles, server: Server, log: Logger) {
    this.#files = files;
    this.#server = server;
    this.#log = log;
  }

  /** When the certificate ends that is served from now on. */
  async end(): Promise<Date> {
    await this.check();
    return certificateEnd(this.#files.current);
  }

  /** Never fails: while the files can't be used, the certificate of before is. */
  async check(): Promise<void> {
    try {
      const renewed = await this.#files.renewed();
      if (!renewed) return;
      this.#server.setSecureContext(renewed);
      this.#log.info('certificate renewed', { validTo: new X509Certificate(renewed.cert).validTo });
    } catch (error) {
      this.#log.warn('renewed certificate cannot be used', { error });
    }
  }
}

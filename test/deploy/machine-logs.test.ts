import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { Server } from 'node:tls';
import { VALUES, needProgram, needRoot, renderTemplates, run, runOk, temporaryDirectory } from './machine-support.js';

const RSYSLOG = 'etc/rsyslog.d/30-docker-worker.conf';
const AUTHORITY = ['-x509', '-subj', '/CN=authority of the tests', '-keyout', 'ca.key', '-out', 'ca.crt'];

/** A log server with TLS, whose certificate has the name `name`. */
async function logServer(folder: string, name: string): Promise<Server> {
  const openssl = (...args: readonly string[]): Promise<string> =>
    runOk(['sh', '-c', 'cd "$0" && exec openssl "$@"', folder, ...args]);
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  await openssl('req', ...key, ...AUTHORITY);
  await openssl(
    'req',
    ...key,
    '-subj',
    `/CN=${name}`,
    '-addext',
    `subjectAltName=DNS:${name}`,
    '-keyout',
    'key',
    '-out',
    'csr',
  );
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy'];
  await openssl('x509', '-req', '-in', 'csr', ...signing, '-out', 'crt');
  const [privateKey, cert] = await Promise.all([readFile(join(folder, 'key')), readFile(join(folder, 'crt'))]);
  const server = createServer({ key: privateKey, cert });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A real rsyslogd with a machine's settings; it reads `socket`. */
async function startRsyslog(
  folder: string,
  server: Server,
): Promise<{ readonly socket: string; stop(): Promise<void> }> {
  const { port } = server.address() as AddressInfo;
  await renderTemplates(join(folder, 'machine'), { ...VALUES, papertrail: `127.0.0.1:${port}` });
  const socket = join(folder, 'log');
  const settings = (await readFile(join(folder, 'machine', RSYSLOG), 'utf8'))
    .replace('/etc/ssl/certs/ca-certificates.crt', join(folder, 'ca.crt'))
    .replace('/var/spool/rsyslog', folder)
    .replace('/var/log/docker-worker.log', join(folder, 'docker-worker.log'));
  const input = `module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="${socket}")\n`;
  await writeFile(join(folder, 'rsyslog.conf'), `${input}${settings}\n*.* ${join(folder, 'syslog')}\n`);
  const daemon = spawn('rsyslogd', ['-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'pid')], {
    stdio: 'ignore',
  });
  const ended = once(daemon, 'exit');
  await runOk(['sh', '-c', 'until [ -S "$0" ]; do sleep 0.1; done', socket]);
  const stop = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    await ended;
  };
  return { socket, stop };
}

describe('the logs of machines', () => {
  before(async function () {
    needRoot(this);
    await needProgram(this, 'rsyslogd', 'rsyslog');
    await needProgram(this, 'openssl', 'openssl');
    const { code } = await run(['sh', '-c', 'ls /usr/lib/*/rsyslog/lmnsd_gtls.so']);
    if (code !== 0) await runOk(['scripts/apt-install.sh', 'rsyslog-gnutls']);
  });

  it("go to papertrail's server over TLS, and the worker's also to a file", async () => {
    await using folder = await temporaryDirectory();
    const server = await logServer(folder.path, 'logs7.papertrailapp.com');
    const received = new Promise<string>((resolve) => {
      server.on('secureConnection', (connection) => {
        let text = '';
        connection.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.includes('task resolved')) resolve(text);
        });
        connection.on('error', () => undefined);
      });
    });
    const rsyslog = await startRsyslog(folder.path, server);
    try {
      await runOk(['logger', '-u', rsyslog.socket, '-p', 'daemon.debug', '-t', 'other', 'only for debugging']);
      await runOk(['logger', '-u', rsyslog.socket, '-p', 'daemon.info', '-t', 'docker-worker', 'task resolved']);
      assert.match(await received, /docker-worker: ?task resolved/);
      assert.doesNotMatch(await received, /debugging/);
      const file = await readFile(join(folder.path, 'docker-worker.log'), 'utf8');
      assert.match(file, /docker-worker: ?task resolved/);
      assert.doesNotMatch(await readFile(join(folder.path, 'syslog'), 'utf8'), /task resolved/);
    } finally {
      await rsyslog.stop();
      server.close();
    }
  });

  it('are not sent to a server with another name', async () => {
    await using folder = await temporaryDirectory();
    const server = await logServer(folder.path, 'logs.example.com');
    const heard: string[] = [];
    const closed = new Promise<void>((resolve) => {
      server.on('secureConnection', (connection) => {
        connection.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
        connection.on('error', () => undefined);
        connection.on('close', resolve);
      });
      server.on('tlsClientError', () => {
        resolve();
      });
    });
    const rsyslog = await startRsyslog(folder.path, server);
    try {
      await runOk(['logger', '-u', rsyslog.socket, '-p', 'daemon.info', '-t', 'docker-worker', 'not for everybody']);
      await closed;
      assert.deepEqual(heard, []);
    } finally {
      await rsyslog.stop();
      server.close();
    }
  });

  it('are rotated by logrotate, which accepts the rule', async function () {
    await needProgram(this, 'logrotate', 'logrotate');
    await using folder = await temporaryDirectory();
    const rule = await readFile('deploy/template/etc/logrotate.d/docker-worker', 'utf8');
    const log = join(folder.path, 'docker-worker.log');
    const rotated = rule.replace('/var/log/docker-worker.log', log).replace('/usr/lib/rsyslog/rsyslog-rotate', 'true');
    await writeFile(join(folder.path, 'rule'), rotated, { mode: 0o644 });
    await writeFile(log, 'a line\n');
    const state = ['--state', join(folder.path, 'state')];
    const { code, stderr } = await run(['logrotate', ...state, '--force', join(folder.path, 'rule')]);
    assert.equal(code, 0, stderr);
    assert.equal(await readFile(`${log}.1`, 'utf8'), 'a line\n');
  });
});

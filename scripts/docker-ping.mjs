// Asks the Docker engine that the environment names (DOCKER_HOST, else the standard socket) whether it is alive.
// Exits 0 when it answers, 1 with the reason on stderr when not. No dependencies: it runs before `npm ci`.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';

const TIMEOUT_MS = 3000;
const host = process.env.DOCKER_HOST || 'unix:///var/run/docker.sock';

function giveUp(reason) {
  process.stderr.write(`${host}: ${reason}\n`);
  process.exit(1);
}

function tlsFiles() {
  const folder = process.env.DOCKER_CERT_PATH ?? join(process.env.HOME ?? '/root', '.docker');
  const read = (name) => readFileSync(join(folder, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

function request() {
  const options = { path: '/_ping', timeout: TIMEOUT_MS };
  if (host.startsWith('unix://')) return http.request({ ...options, socketPath: host.slice('unix://'.length) });
  if (!/^(tcp|https?):\/\//.test(host)) giveUp('only unix://, tcp:// and http(s):// engines are supported');
  const { hostname, port, protocol } = new URL(host.replace(/^tcp:/, 'http:'));
  const secure = protocol === 'https:' || Boolean(process.env.DOCKER_TLS_VERIFY);
  if (secure) return https.request({ ...options, ...tlsFiles(), hostname, port: port || 2376 });
  return http.request({ ...options, hostname, port: port || 2375 });
}

const ping = request();
ping.on('error', (error) => giveUp(error.message));
ping.on('timeout', () => giveUp(`no answer within ${TIMEOUT_MS} ms`));
ping.on('response', (response) => {
  if (response.statusCode !== 200) giveUp(`answered /_ping with HTTP ${response.statusCode}`);
  process.exit(0);
});
ping.end();

import { packageVersion } from '../../lib/util/package-file.js';
import { endpoint } from './endpoint.js';
import type { Endpoint } from './endpoint.js';

/** The answers to monitors that check whether the server is up, and which version it is. */
export const MONITORING = {
  version: (): object => ({ version: packageVersion(), commit: '', source: '', build: 'local-taskcluster' }),
  heartbeat: (): object => ({}),
} as const;

/** Returns the methods by which every service is monitored. */
export function monitoringEndpoints(now: () => Date): readonly Endpoint[] {
  const startedAt = now().getTime();
  const answering = (name: string, route: string, body: () => object): Endpoint =>
    endpoint({ name, method: 'GET', route, isOpen: true, handle: () => ({ body: body() }) });
  return [
    answering('ping', '/ping', () => ({ alive: true, uptime: (now().getTime() - startedAt) / 1000 })),
    answering('lbheartbeat', '/__lbheartbeat__', MONITORING.heartbeat),
    answering('version', '/__version__', MONITORING.version),
    answering('heartbeat', '/__heartbeat__', MONITORING.heartbeat),
  ];
}

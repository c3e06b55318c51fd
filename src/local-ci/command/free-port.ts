import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Returns a port that nobody listens on at the moment. */
export async function freePort(address: string): Promise<number> {
  return await listened(address, 0);
}

export async function isFree(address: string, port: number): Promise<boolean> {
  try {
    await listened(address, port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

async function listened(address: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } finally {
    server.close();
  }
}

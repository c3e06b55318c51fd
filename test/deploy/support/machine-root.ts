import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderTemplates } from '../machine-support.js';

/** Programs of a machine's packages that the test's machine may lack. */
const PROGRAMS = ['kill', 'dockerd', 'containerd'];
const DOCKER_UNITS = ['docker.service', 'docker.socket', 'containerd.service'];

/** Creates a file system with systemd's own units, docker's, and ours. */
export async function machineRoot(root: string): Promise<string> {
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await cp('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const name of ['lib', 'bin']) await symlink(`usr/${name}`, join(root, name));
  for (const program of PROGRAMS) {
    await writeFile(join(root, 'usr/bin', program), '#!/bin/sh\n');
    await chmod(join(root, 'usr/bin', program), 0o755);
  }
  for (const unit of DOCKER_UNITS) {
    const text = unit.endsWith('.socket')
      ? '[Socket]\nListenStream=/run/docker.sock\n'
      : `[Unit]\nAfter=network-online.target\n[Service]\nExecStart=/usr/bin/${unit === 'docker.service' ? 'dockerd' : 'containerd'}\n`;
    await writeFile(join(root, 'usr/lib/systemd/system', unit), text);
  }
  await renderTemplates(root);
  return root;
}

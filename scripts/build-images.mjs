// Builds the images in test/images/ on the engine that DOCKER_HOST (else the standard socket) names, without any
// registry or docker client. An image that was already built from the same content is left alone.
//
// usage: node scripts/build-images.mjs PATH_OF_A_STATIC_BUSYBOX [IMAGE…]     such as test or demo; default: all
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import Docker from 'dockerode';
import tar from 'tar-stream';

/** In build order: the later ones are made from the first. */
const IMAGES = ['test', 'test-entrypoint', 'demo', 'test-strace', 'test-git', 'test-dind'];
const CONTENT_LABEL = 'docker-worker.content-sha256';
const FOLDERS = { root: 0o700, tmp: 0o1777, 'var/tmp': 0o1777, proc: 0o555, sys: 0o555, dev: 0o755, run: 0o755 };
/** Programs of this machine that an image is made of, besides the files in its folder. */
const PROGRAMS = {
  'test-strace': ['strace'],
  'test-git': ['git', 'git-remote-http', 'git-remote-https'],
  'test-dind': ['dockerd', 'containerd', 'containerd-shim-runc-v2', 'runc', 'docker'],
};
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/home/worker:/bin/sh\n';
const GROUP = 'root:x:0:\nworker:x:1000:\n';

async function collect(pack) {
  const chunks = [];
  for await (const chunk of pack) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The root file system of the test image, the same bytes each time. */
function rootFileSystem(busybox) {
  const pack = tar.pack();
  const mtime = new Date(0);
  for (const [name, mode] of Object.entries(FOLDERS)) pack.entry({ name, type: 'directory', mode, mtime });
  pack.entry({ name: 'home/worker', type: 'directory', mode: 0o755, uid: 1000, gid: 1000, mtime });
  pack.entry({ name: 'etc/passwd', mode: 0o644, mtime }, PASSWD);
  pack.entry({ name: 'etc/group', mode: 0o644, mtime }, GROUP);
  pack.entry({ name: 'bin/busybox', mode: 0o755, mtime }, readFileSync(busybox));
  const applets = execFileSync(busybox, ['--list-full'], { encoding: 'utf8' }).split('\n');
  for (const name of applets.filter((path) => path !== '' && path !== 'bin/busybox').sort()) {
    pack.entry({ name, type: 'symlink', linkname: '/bin/busybox', mtime });
  }
  pack.finalize();
  return collect(pack);
}

function findProgram(name) {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/bin',
    '/usr/lib/git-core',
    '/usr/libexec/git-core',
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The libraries that a program is linked with; none when it is static. */
function librariesOf(program) {
  try {
    const linked = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...linked.matchAll(/(?:^[ \t]*|=> )(\/\S+) \(/gm)].map(([, path]) => path);
  } catch {
    return [];
  }
}

/** Programs of this machine with their libraries, all below `root`; undefined when it has not all of them. */
function programFiles(names) {
  const programs = names.map(findProgram);
  if (programs.includes(undefined)) return undefined;
  const files = programs.map((path, index) => ({ name: `root/usr/bin/${names[index]}`, path }));
  for (const path of new Set(programs.flatMap(librariesOf))) files.push({ name: `root${path}`, path });
  return files;
}

/** The files an image is built from, in a fixed order; undefined when this machine has not got them. */
async function contextOf(image, busybox) {
  const folder = join(import.meta.dirname, '../test/images', image);
  const files = readdirSync(folder).sort();
  const context = files.map((name) => ({ name, content: readFileSync(join(folder, name)) }));
  if (image === 'test') context.push({ name: 'rootfs.tar', content: await rootFileSystem(busybox) });
  const programs = programFiles(PROGRAMS[image] ?? []);
  return programs && [...context, ...programs];
}

function fingerprint(context, base) {
  const hash = createHash('sha256').update(base);
  for (const { name, content, path } of context) {
    if (content) hash.update(`${name}\0${content.length}\0`).update(content);
    else hash.update(`${name}\0${statSync(path).size}\0${statSync(path).mtimeMs}\0`);
  }
  return hash.digest('hex');
}

async function currentFingerprint(docker, name) {
  try {
    const { Config } = await docker.getImage(name).inspect();
    return Config.Labels?.[CONTENT_LABEL];
  } catch (error) {
    if (error.statusCode === 404) return undefined;
    throw error;
  }
}

async function build(docker, name, context, content) {
  const pack = tar.pack();
  const mtime = new Date(0);
  for (const { name, content, path } of context) {
    pack.entry({ name, mode: content ? 0o644 : 0o755, mtime }, content ?? readFileSync(path));
  }
  pack.finalize();
  // The older builder (version 1, the default of this endpoint) needs neither buildx nor a session.
  const options = { t: name, labels: JSON.stringify({ [CONTENT_LABEL]: content }), forcerm: true, networkmode: 'none' };
  const progress = await docker.buildImage(pack, options);
  // A failed step is reported inside the stream, under status 200.
  await new Promise((resolve, reject) => {
    docker.modem.followProgress(progress, (error, events) => {
      const failure = error?.message ?? events?.find((event) => event.error !== undefined)?.error;
      if (failure === undefined) resolve();
      else reject(new Error(`building ${name} failed: ${failure}`));
    });
  });
}

const [busybox, ...chosen] = process.argv.slice(2);
if (busybox === undefined) throw new Error('usage: node scripts/build-images.mjs PATH_OF_A_STATIC_BUSYBOX [IMAGE…]');
const unknown = chosen.filter((name) => !IMAGES.includes(name));
if (unknown.length > 0) throw new Error(`there is no image ${unknown.join(', ')}; there are ${IMAGES.join(', ')}`);
// Those that are made from `test` have its fingerprint in theirs.
const wanted = IMAGES.filter((name) => name === 'test' || chosen.length === 0 || chosen.includes(name));
const docker = new Docker();
let base = '';
const upToDate = [];
for (const image of wanted) {
  const name = `docker-worker/${image}:latest`;
  const context = await contextOf(image, busybox);
  if (!context) {
    process.stdout.write(`images: ${name} is not built, as this machine lacks one of ${PROGRAMS[image].join(', ')}\n`);
    continue;
  }
  const content = fingerprint(context, base);
  if (image === 'test') base = content;
  upToDate.push(image);
  if ((await currentFingerprint(docker, name)) === content) continue;
  process.stdout.write(`images: building ${name}\n`);
  await build(docker, name, context, content);
}
process.stdout.write(`images: docker-worker/{${upToDate.join(',')}}:latest are up to date\n`);

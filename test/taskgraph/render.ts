import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** The image with taskgraph, and with the programs in `image/`. */
export const IMAGE = 'docker-worker/taskgraph:latest';

/** Renders the file `name` in a directory with JSON-e. */
export async function renderFile(directory: string, name: string, context: object): Promise<unknown> {
  const mount = ['--volume', `${directory}:/repository:ro`];
  return await render({ file: `/repository/${name}`, context }, mount);
}

/** Renders a template with JSON-e. */
export async function renderTemplate(template: unknown, context: object): Promise<unknown> {
  return await render({ template, context }, []);
}

async function render(request: object, options: readonly string[]): Promise<unknown> {
  const args = ['run', '--rm', '--interactive', '--network', 'none', ...options, IMAGE, 'render'];
  const child = spawn('docker', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  child.stdin.end(JSON.stringify(request));
  const output = await text(child.stdout);
  const [code] = (await exited) as [number | null];
  if (code !== 0) throw new Error(`JSON-e could not render ${JSON.stringify(request)}`);
  return JSON.parse(output);
}

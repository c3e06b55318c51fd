import type { Context } from 'mocha';
import { packerPrerequisite } from '../../../deploy/lib/prerequisites.js';
import type { PackerPlugin } from '../../../deploy/lib/prerequisites.js';
import { ProcessTools } from '../../../deploy/lib/process-tools.js';
import { skipBecause } from '../../support/skip-because.js';
import { need } from './needed-program.js';

/** Installs packer as `need` does; skips the test when packer lacks a plugin, which current versions do not include. */
export async function needPacker(context: Context, ...plugins: readonly PackerPlugin[]): Promise<void> {
  need(context, 'packer');
  const tools = new ProcessTools(process.env, process);
  for (const plugin of plugins) {
    try {
      await packerPrerequisite(tools, plugin).check();
    } catch (error) {
      skipBecause(context, (error as Error).message);
    }
  }
}

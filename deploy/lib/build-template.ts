import { join } from 'node:path';
import { readDeployJson, writeDeployJson } from './deploy-json.js';
import { packTree } from './pack-tree.js';
import { resolveVariables, secretNames } from './resolve-variables.js';
import type { Sources, Use } from './resolve-variables.js';
import { readTemplates, renderTree } from './template-tree.js';

export interface TemplateOptions extends Omit<Sources, 'values'> {
  /** The folder with template/ and deploy.json; target/ and deploy.tar.gz are written there. */
  readonly folder: string;
}

/** Returns the path of the tarball with the rendered templates. */
export function deployTarballIn(folder: string): string {
  return join(folder, 'deploy.tar.gz');
}

/**
 * Renders `template/` into `target/` and packs that into deploy.tar.gz. Values typed by the operator are kept in
 * deploy.json. Throws DeployError, without any other change, when a variable has no value. Returns the number of files.
 */
export async function buildTemplate({ folder, env, terminal }: TemplateOptions): Promise<number> {
  const [template, target] = [join(folder, 'template'), join(folder, 'target')];
  const uses = await templateUses(folder);
  const known = await readDeployJson(join(folder, 'deploy.json'));
  const { values, asked } = await resolveVariables(uses, { values: known, env, terminal });
  if (Object.keys(asked).length > 0) await writeDeployJson(join(folder, 'deploy.json'), { ...known, ...asked });
  await renderTree({ template, target }, values, secretNames());
  await packTree(deployTarballIn(folder), [{ from: target, name: '' }]);
  return (await readTemplates(template)).length;
}

/** Returns which file of template/ uses which variables. */
export async function templateUses(folder: string): Promise<readonly Use[]> {
  const template = join(folder, 'template');
  const files = await readTemplates(template);
  return files.flatMap(({ path, variables }) =>
    variables.map((variable) => ({ file: join(template, path), variable })),
  );
}

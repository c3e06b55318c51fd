import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

/** A text in the source, with `<>` for each value that is put into it; `call`: the function whose argument it is. */
export interface SourceString {
  readonly text: string;
  readonly call: string | undefined;
}

/** All texts in the TypeScript files of a directory and those below it. */
export async function sourceStrings(directory: string): Promise<readonly SourceString[]> {
  return (await sourceFiles(directory)).flatMap(stringsIn);
}

async function sourceFiles(directory: string): Promise<readonly ts.SourceFile[]> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.ts'));
  return await Promise.all(
    names.map(async (name) =>
      ts.createSourceFile(name, await readFile(join(directory, name), 'utf8'), ts.ScriptTarget.Latest, true),
    ),
  );
}

function stringsIn(file: ts.SourceFile): readonly SourceString[] {
  const found: SourceString[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text !== undefined) {
      const { parent } = node;
      found.push({ text, call: ts.isCallExpression(parent) ? parent.expression.getText(file) : undefined });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `<>${literal.text}`).join('');
}

/** The names of variables in each `env: { NAME: … }`, or `const env = { NAME: … }`, of a directory and those below it. */
export async function contributedVariables(directory: string): Promise<readonly string[]> {
  const files = await sourceFiles(directory);
  return files.flatMap((file) => {
    const names: string[] = [];
    const visit = (node: ts.Node): void => {
      const holdsEnv =
        (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) && node.name.getText(file) === 'env';
      if (holdsEnv && node.initializer && ts.isObjectLiteralExpression(node.initializer)) {
        const own = node.initializer.properties.flatMap(({ name }) => (name ? [name] : []));
        // A computed one is for a process that the worker starts for itself.
        names.push(...own.filter((name) => !ts.isComputedPropertyName(name)).map((name) => name.getText(file)));
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    return names;
  });
}

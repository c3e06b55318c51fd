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
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const files = await Promise.all(
    names.map(async (name) =>
      ts.createSourceFile(name, await readFile(join(directory, name), 'utf8'), ts.ScriptTarget.Latest, true),
    ),
  );
  return files.flatMap(stringsIn);
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

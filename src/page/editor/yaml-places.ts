import { yamlLanguage } from '@codemirror/lang-yaml';

type SyntaxNode = ReturnType<typeof yamlLanguage.parser.parse>['topNode'];

/** Characters from the beginning of the text. */
export interface TextRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Returns where the value at a path such as `/payload/artifacts/0` is in YAML: its key, or the item of a list. Of a path
 * that leads to nothing, the last part that is there counts; the first line for an empty one.
 */
export function placeIn(text: string, path: string): TextRange {
  const lineEnd = text.indexOf('\n');
  let place: TextRange = { from: 0, to: lineEnd === -1 ? text.length : lineEnd };
  let value = firstValue(yamlLanguage.parser.parse(text).topNode);
  for (const part of path.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const found = value && entryOf(text, value, name);
    if (!found) break;
    place = found.place;
    value = found.value;
  }
  return place;
}

interface Entry {
  readonly place: TextRange;
  readonly value: SyntaxNode | undefined;
}

function firstValue(top: SyntaxNode): SyntaxNode | undefined {
  return top.getChild('Document')?.firstChild ?? undefined;
}

function entryOf(text: string, value: SyntaxNode, name: string): Entry | undefined {
  if (value.name === 'BlockSequence' || value.name === 'FlowSequence') return itemOf(value, Number(name));
  for (const pair of value.getChildren('Pair')) {
    const key = pair.getChild('Key');
    if (!key || unquoted(text.slice(key.from, key.to)) !== name) continue;
    const last = pair.lastChild;
    const hasValue = last !== null && last.name !== 'Key' && last.name !== ':';
    return { place: { from: key.from, to: key.to }, value: hasValue ? last : undefined };
  }
  return undefined;
}

function itemOf(sequence: SyntaxNode, index: number): Entry | undefined {
  const items = sequence.getChildren('Item');
  const item = items[index];
  if (!item) return undefined;
  const value = item.lastChild ?? undefined;
  return { place: { from: item.from, to: item.to }, value };
}

function unquoted(key: string): string {
  return key.replace(/^["']/, '').replace(/["']$/, '');
}

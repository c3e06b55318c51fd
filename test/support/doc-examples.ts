import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { load } from 'js-yaml';
import { CONFIG_YAML_SCHEMA } from '../../src/lib/config/env-tags.js';

/** A block of YAML on a page. */
export interface YamlExample {
  readonly page: string;
  /** Of the block's first line. */
  readonly line: number;
  /** The heading of the second level that it is below. */
  readonly section: string;
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

const FENCE = /^( *)```(\w*)$/;

/** All pages for people. */
export async function pages(): Promise<readonly string[]> {
  const docs = (await readdir('docs', { recursive: true })).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => `docs/${name}`)];
}

/** The blocks of YAML of a page, in their order. */
export async function yamlExamples(page: string): Promise<readonly YamlExample[]> {
  const examples: YamlExample[] = [];
  for (const { language, line, section, text } of blocksOf(await readFile(page, 'utf8'))) {
    if (!['yaml', 'yml'].includes(language)) continue;
    const value = load(text, { schema: CONFIG_YAML_SCHEMA });
    assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${page}:${line} is no map`);
    examples.push({ page, line, section, text, value: value as YamlExample['value'] });
  }
  return examples;
}

/** The lines of a page that are meant for a shell, those that go on with the ones that follow as one. */
export function shellLines(text: string): readonly string[] {
  const blocks = [...blocksOf(text)].filter(({ language }) => language === 'sh');
  return blocks.flatMap((block) => block.text.replace(/\\\n\s*/g, '').split('\n')).filter((line) => line.trim() !== '');
}

interface Block {
  readonly language: string;
  readonly line: number;
  readonly section: string;
  readonly text: string;
}

function* blocksOf(text: string): Generator<Block> {
  let open: { readonly indent: string; readonly language: string; readonly line: number } | undefined;
  let section = '';
  let lines: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', language = ''] = FENCE.exec(line) ?? [undefined];
    const isFence = FENCE.test(line);
    if (open && isFence && language === '') {
      yield { language: open.language, line: open.line, section, text: `${lines.join('\n')}\n` };
      open = undefined;
    } else if (open) lines.push(line.slice(open.indent.length));
    else if (isFence) {
      open = { indent, language, line: index + 2 };
      lines = [];
    } else section = /^## (.*)$/.exec(line)?.[1] ?? section;
  }
}

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { builtPage } from './support/page-site.js';

const KIB = 1024;
const WHOLE_LIMIT = 1024 * KIB;
/** Of what every page loads. */
const FIRST_LIMIT = 100 * KIB;

describe('the bundle of the page', () => {
  let weights: ReadonlyMap<string, number>;
  before(async () => {
    const { directory } = builtPage();
    const names = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = names.filter((each) => each.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    const weighed = files.map(async (path) => [path, gzipSync(await readFile(path)).length] as const);
    weights = new Map(await Promise.all(weighed));
  });

  it('weighs less than a megabyte, compressed', () => {
    const whole = [...weights.values()].reduce((sum, each) => sum + each, 0);
    assert.ok(whole < WHOLE_LIMIT, `${whole} bytes`);
  });

  it('is small at first: editor, terminal and display come when they are used', async () => {
    const { directory } = builtPage();
    const html = await readFile(join(directory, 'index.html'), 'utf8');
    const first = [...html.matchAll(/\/page\/(assets\/[^"]+)/g)].map(([, name = '']) => join(directory, name));
    assert.ok(first.length >= 2, html);
    const sum = first.reduce((total, path) => total + (weights.get(path) ?? assert.fail(path)), 0);
    assert.ok(sum < FIRST_LIMIT, `${sum} bytes`);
  });

  it('has nothing inline', async () => {
    for (const name of ['index.html', 'login.html']) {
      const html = await readFile(join(builtPage().directory, name), 'utf8');
      assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|\bon[a-z]+=|javascript:| style=/, name);
    }
  });
});

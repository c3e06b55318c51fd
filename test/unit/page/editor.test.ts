import assert from 'node:assert/strict';
import { freshDefinition, interactiveDefinition } from '../../../src/page/api/fresh-definition.js';
import { newSlugid } from '../../../src/page/api/slugid.js';
import type { Definition } from '../../../src/page/api/types.js';
import { withTimesOfNow } from '../../../src/page/editor/times-of-now.js';
import { placeIn } from '../../../src/page/editor/yaml-places.js';
import { fromYaml, toYaml } from '../../../src/page/editor/yaml.js';

const TEXT = `# a comment
created: '2026-01-01T00:00:00.000Z'
deadline: 2026-01-01T01:00:00.000Z # an hour
payload:
  image: busybox
  command:
    - echo
    - hello
  env: {A: 1, "B c": [2, 3]}
`;

describe('the place of a problem in YAML', () => {
  for (const [path, text] of [
    ['', '# a comment'],
    ['/payload', 'payload'],
    ['/payload/image', 'image'],
    ['/payload/command', 'command'],
    ['/payload/command/1', 'hello'],
    ['/payload/env/A', 'A'],
    ['/payload/env/B c', '"B c"'],
    ['/payload/nothing/here', 'payload'],
    ['/nothing', '# a comment'],
  ] as const) {
    it(`at ${path || 'the root'} is ${text}`, () => {
      const { from, to } = placeIn(TEXT, path);
      assert.equal(TEXT.slice(from, to), text);
    });
  }

  it('is somewhere in whatever is no YAML', () => {
    for (const text of ['', '- [', 'a: b: c', '\t\n', '{']) {
      const { from, to } = placeIn(text, '/a/b');
      assert.ok(from >= 0 && to <= text.length && from <= to);
    }
  });
});

describe('the definition in the editor', () => {
  it('has times that are text, as in JSON', () => {
    const { value } = fromYaml(TEXT) as { readonly value: { readonly deadline: unknown } };
    assert.equal(value.deadline, '2026-01-01T01:00:00.000Z');
    assert.deepEqual(fromYaml(toYaml(value)), { value });
  });

  it('has problems with a place', () => {
    const read = fromYaml('a: 1\nb: [1,\n');
    assert.ok('problem' in read);
    assert.ok(read.at > 4 && read.at <= 12);
  });

  it('can be moved to now without losing anything else', () => {
    const now = new Date('2026-06-01T00:00:00.000Z');
    const moved = withTimesOfNow(TEXT, now);
    assert.equal(
      moved,
      TEXT.replace("'2026-01-01T00:00:00.000Z'", "'2026-06-01T00:00:00.000Z'").replace(
        '2026-01-01T01:00:00.000Z # an hour',
        "'2026-06-01T01:00:00.000Z'",
      ),
    );
    assert.equal(withTimesOfNow('a: 1\n', now), 'a: 1\n');
    assert.equal(withTimesOfNow('created: soon\n', now), 'created: soon\n');
  });
});

describe('a task like another', () => {
  const definition = {
    taskGroupId: 'group',
    created: '2026-01-01T00:00:00.000Z',
    deadline: '2026-01-01T01:00:00.000Z',
    expires: '2026-01-02T00:00:00.000Z',
    routes: ['index.a'],
    metadata: { name: 'build' },
    payload: { maxRunTime: 60, features: { dind: true } },
  } as unknown as Definition;

  it('has the times of now, with the same distances, and no routes', () => {
    const fresh = freshDefinition(definition, new Date('2026-03-01T00:00:00.000Z'));
    assert.deepEqual(
      [fresh.created, fresh.deadline, fresh.expires, fresh['routes'], fresh.taskGroupId],
      ['2026-03-01T00:00:00.000Z', '2026-03-01T01:00:00.000Z', '2026-03-02T00:00:00.000Z', [], 'group'],
    );
  });

  it('has a shell, time and a group of its own when it is interactive', () => {
    const interactive = JSON.parse(JSON.stringify(interactiveDefinition(definition))) as Partial<Definition>;
    assert.equal(interactive.taskGroupId, undefined);
    assert.deepEqual(interactive.payload, { maxRunTime: 10_800, features: { dind: true, interactive: true } });
    assert.equal(interactive.metadata?.name, 'build (interactive)');
  });

  it('has an id that the queue accepts', () => {
    for (let count = 0; count < 100; count++) {
      assert.match(
        newSlugid(),
        /^[A-Za-f][A-Za-z0-9_-]{7}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/,
      );
    }
  });
});

import { strict as assert } from 'node:assert';
import { eventNotes } from '../../../../src/local-ci/events/event-notes.js';
import type { EventName } from '../../../../src/local-ci/events/event-parts.js';
import { NoTasksForEvent } from '../../../../src/local-ci/events/no-tasks-for-event.js';
import { contextTrigger, makeTrigger } from '../../../../src/local-ci/events/trigger.js';
import { CiInputError } from '../../../../src/local-ci/model.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { IN_OTHERS, IN_PUSHES, refusalOf, repositoryAt, WidgetCheckout } from '../../../support/widget-checkout.js';

const ZEROS = '0'.repeat(40);

describe('the event of a checkout', () => {
  let repository: WidgetCheckout;

  beforeEach(async () => {
    repository = await WidgetCheckout.create();
  });

  afterEach(async () => {
    await repository.dispose();
  });

  describe('and of a file', () => {
    it('is laid over that of the checkout', async () => {
      const { body, title } = await repository.fromFile({
        ref: 'refs/heads/beta',
        commits: [],
        pusher: { email: null },
        extra: 1,
      });
      assert.equal(title, 'push to branch beta');
      assert.deepEqual(
        [body['ref'], body['after'], body['commits'], body['extra']],
        ['refs/heads/beta', repository.first, [], 1],
      );
      assert.deepEqual(body['pusher'], { name: 'ada', email: null });
      assert.deepEqual(body['repository'], IN_PUSHES);
    });

    it('yields to the command line', async () => {
      const file = { action: 'opened', number: 3, pull_request: { head: { ref: 'theirs' }, labels: ['x'] } };
      const { body } = await repository.fromFile(file, 'pull-request-untrusted', {
        action: 'labeled',
        number: 4,
        actor: 'grace',
      });
      const { head, labels, number } = body['pull_request'] as JsonObject;
      assert.deepEqual([body['action'], body['number'], number], ['labeled', 4, 4]);
      assert.deepEqual(
        [(head as JsonObject)['ref'], (head as JsonObject)['label'], labels],
        ['theirs', 'o:theirs', ['x']],
      );
      assert.equal((body['sender'] as JsonObject)['login'], 'grace');
      const { body: pushed } = await repository.fromFile({ ref: 'refs/heads/beta' }, 'push', { branch: 'gamma' });
      assert.equal(pushed['ref'], 'refs/heads/gamma');
    });

    it('stays as it is when it tells everything', async () => {
      const whole = (await repository.trigger('push', { actor: 'grace' })).body;
      const foreign = {
        ...whole,
        after: 'b'.repeat(40),
        repository: { ...repositoryAt('a.b', 'x'), html_url: 'https://git.example.com/a.b/widget' },
      };
      await repository.widget.git('checkout', '--quiet', '--detach');
      const made = await repository.fromFile({ headers: { 'X-GitHub-Event': 'push' }, body: foreign });
      assert.deepEqual(made.body, foreign);
      assert.deepEqual([made.organization, made.repository, made.host], ['a.b', 'widget', 'git.example.com']);
      assert.equal(made.details['event.head.user.email'], 'grace@users.noreply.github.com');
      assert.deepEqual(eventNotes(made, await repository.widget.read()), [
        `The event is about the commit bbbbbbbbbbbb, and .taskcluster.yml is that of the checkout's commit ${repository.first.slice(0, 12)}.`,
      ]);
    });

    it('gets the pull request that a comment lacks', async () => {
      const file = {
        action: 'created',
        issue: { number: 15, state: 'open', title: 'x', pull_request: { url: 'x' } },
        comment: { id: 9, body: 'Now:\n/taskcluster test', user: { login: 'grace' } },
        repository: IN_OTHERS,
        sender: { login: 'grace', id: 7 },
        installation: { id: 3 },
      };
      const { body, details } = await repository.fromFile(file);
      const { number, head } = body['pull_request'] as JsonObject;
      assert.deepEqual(
        [number, (head as JsonObject)['sha'], body['taskcluster_comment']],
        [15, repository.first, 'test'],
      );
      assert.equal(details['taskcluster_comment'], 'test');
      await repository.widget.git('checkout', '--quiet', '--detach');
      await assert.rejects(repository.fromFile({ ...file, comment: { body: 'nothing' } }), NoTasksForEvent);
    });

    it('is refused when something is missing that cannot be made up', async () => {
      const refused = async (content: object, name?: EventName): Promise<string> =>
        await refusalOf(repository.fromFile(content, name));
      const missing = await refused({ pull_request: { head: { repo: null } } }, 'pull-request');
      assert.match(
        missing,
        /event\.json has no text at "pull_request\.head\.repo\.name", which an event "pull-request" needs/,
      );
      assert.match(await refused({ repository: null }), /"repository\.name"/);
      assert.match(await refused({ ref: 'refs/notes/x' }), /neither a branch .* nor a tag/);
      assert.match(await refused({ after: 7 }), /"after"/);
    });

    it('shows no control characters of it', async () => {
      const { title } = await repository.fromFile({ action: '\u001b[2J' }, 'pull-request');
      assert.equal(title, 'pull request 1  [2J: main into main');
    });
  });

  it('has no notes when it is that of the checkout', async () => {
    const checkout = await repository.widget.read();
    for (const name of ['push', 'pull-request'] as const) {
      assert.deepEqual(eventNotes(await makeTrigger(name, {}, checkout), checkout), []);
    }
    assert.deepEqual(eventNotes(await makeTrigger('release', { tag: 'v1' }, checkout), checkout), []);
  });

  it('has the addresses of another host', async () => {
    await repository.widget.git('remote', 'set-url', 'origin', 'ssh://git@git.example.com:2222/o/widget.git');
    const { body, host } = await repository.trigger('release', { tag: 'v1' });
    const { html_url: page, url, ssh_url: ssh } = body['repository'] as JsonObject;
    assert.equal(host, 'git.example.com');
    assert.deepEqual(
      [page, url],
      ['https://git.example.com/o/widget', 'https://git.example.com/api/v3/repos/o/widget'],
    );
    assert.equal(ssh, 'git@git.example.com:o/widget.git');
  });

  it('has no password of a remote, in any kind of event', async () => {
    await repository.widget.git('remote', 'set-url', 'origin', 'https://ada:s3cret@github.com/o/widget.git');
    await repository.widget.git('tag', 'v1');
    for (const name of ['push', 'tag', 'pull-request', 'pull-request-untrusted', 'release', 'issue-comment'] as const) {
      const made = await repository.trigger(name, name === 'issue-comment' ? { comment: 'x' } : {});
      assert.ok(!JSON.stringify(made).includes('s3cret'), name);
      assert.equal(made.repository, 'widget');
    }
  });

  it('is made without any remote', async () => {
    repository.widget = await repository.place.repository('no remote');
    await repository.widget.git('branch', '--move', 'trunk');
    const { body, organization } = await repository.trigger('pull-request');
    const { base, head } = body['pull_request'] as Readonly<Record<string, JsonObject>>;
    assert.deepEqual([organization, base?.['ref'], head?.['ref']], ['local', 'trunk', 'trunk']);
    assert.equal((await repository.body('push'))['before'], ZEROS);
  });
});

describe('the context of another renderer', () => {
  it('is the one that is given, with the name of what it is for', () => {
    const context = { push: { branch: 'main' } };
    assert.deepEqual(contextTrigger('cron', context, 'cron.json'), {
      kind: 'context',
      tasksFor: 'cron',
      title: 'cron with the context cron.json',
      context: { push: { branch: 'main' }, tasks_for: 'cron' },
    });
    assert.deepEqual(contextTrigger('pr-action', { tasks_for: 'pr-action' }, 'x').context, { tasks_for: 'pr-action' });
  });

  it('is refused when it is nested too deep', () => {
    let deep: object = {};
    for (let depth = 0; depth < 100_000; depth += 1) deep = { deep };
    assert.throws(
      () => contextTrigger('cron', deep, 'c.json'),
      /^CiInputError: the context c\.json is nested more than/,
    );
  });

  it('is refused when it cannot be one', () => {
    assert.throws(() => contextTrigger('cron', [], 'x.json'), /x\.json is no JSON object/);
    assert.throws(() => contextTrigger('cron', { tasks_for: 'action' }, 'x.json'), /another "tasks_for"/);
    assert.throws(() => contextTrigger('', {}, 'x.json'), CiInputError);
    assert.throws(() => contextTrigger('github-push', {}, 'x.json'), /--event/);
  });
});

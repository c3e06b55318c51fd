import { strict as assert } from 'node:assert';
import type { EventName, EventParts } from '../../src/local-ci/events/event-parts.js';
import { makeTrigger } from '../../src/local-ci/events/trigger.js';
import { CiInputError } from '../../src/local-ci/model.js';
import type { GithubTrigger, JsonObject } from '../../src/local-ci/model.js';
import { GitPlace } from './git-checkout.js';
import type { GitCheckout } from './git-checkout.js';

/** The user of the checkout, as events have them. */
export const SENDER = { login: 'ada', id: 1, type: 'User' };

/** A repository `widget` at GitHub, as events have it. */
export function repositoryAt(organization: string, url: string): JsonObject {
  const web = `https://github.com/${organization}/widget`;
  return {
    id: 1,
    name: 'widget',
    full_name: `${organization}/widget`,
    private: false,
    owner: { login: organization, name: organization, id: 1, type: 'User' },
    html_url: web,
    fork: false,
    url,
    git_url: `git://github.com/${organization}/widget.git`,
    ssh_url: `git@github.com:${organization}/widget.git`,
    clone_url: `${web}.git`,
    default_branch: 'main',
  };
}
export const IN_PUSHES = repositoryAt('o', 'https://github.com/o/widget');
export const IN_OTHERS = repositoryAt('o', 'https://api.github.com/repos/o/widget');

/** A clone of a repository with one commit, whose remote is `o/widget` at GitHub; and the events of it. */
export class WidgetCheckout {
  readonly place: GitPlace;
  /** What it is a clone of. */
  readonly upstream: GitCheckout;
  /** The first commit. */
  readonly first: string;
  /** May be replaced by another clone. */
  widget: GitCheckout;

  private constructor(place: GitPlace, upstream: GitCheckout, widget: GitCheckout, first: string) {
    this.place = place;
    this.upstream = upstream;
    this.widget = widget;
    this.first = first;
  }

  static async create(): Promise<WidgetCheckout> {
    const place = await GitPlace.create();
    const upstream = await place.repository('upstream');
    const widget = await place.clone(upstream, 'widget');
    await widget.git('remote', 'set-url', 'origin', 'git@github.com:o/widget.git');
    return new WidgetCheckout(place, upstream, widget, await upstream.git('rev-parse', 'HEAD'));
  }

  async trigger(name: EventName | undefined, parts: EventParts = {}): Promise<GithubTrigger> {
    const made = await makeTrigger(name, parts, await this.widget.read());
    // An event is JSON, whatever it came from.
    assert.deepEqual(JSON.parse(JSON.stringify(made)), made);
    return made;
  }

  async body(name: EventName, parts: EventParts = {}): Promise<JsonObject> {
    return (await this.trigger(name, parts)).body;
  }

  async fromFile(content: unknown, name?: EventName, parts: EventParts = {}): Promise<GithubTrigger> {
    return await makeTrigger(name, parts, await this.widget.read(), { content, name: 'event.json' });
  }

  /** Expects that there can be no such event, and returns why. */
  async refusal(name: EventName, parts: EventParts = {}): Promise<string> {
    return await refusalOf(this.trigger(name, parts));
  }

  async dispose(): Promise<void> {
    await this.place.dispose();
  }
}

/** Expects a CiInputError, and returns its message. */
export async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  let message = '';
  await assert.rejects(attempt, (error) => {
    assert.ok(error instanceof CiInputError, String(error));
    message = error.message;
    return true;
  });
  return message;
}

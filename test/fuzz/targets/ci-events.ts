import fc from 'fast-check';
import { printable } from '../../../src/local-ci/checkout/printable.js';
import { parseRemoteUrl } from '../../../src/local-ci/checkout/remote-url.js';
import { detailsOf, missingTexts, ownerOf } from '../../../src/local-ci/events/details.js';
import { refuseDroppedEvent } from '../../../src/local-ci/events/dropped-event.js';
import { readEventFile } from '../../../src/local-ci/events/event-file.js';
import { commandIn, commentText, eventOf, partsIn } from '../../../src/local-ci/events/event-parts.js';
import { laidOver } from '../../../src/local-ci/events/json-paths.js';
import { NoTasksForEvent } from '../../../src/local-ci/events/no-tasks-for-event.js';
import { CiInputError } from '../../../src/local-ci/model.js';
import { allowing, expect } from '../expect.js';
import { largeJson } from '../inputs/json.js';
import { textOf } from '../inputs/text.js';
import { pureTarget } from '../target.js';
import type { Target } from '../target.js';

const URL_TOKENS = [
  'https://',
  'ssh://',
  'git@',
  'github.com',
  ':',
  '/',
  '.git',
  '@',
  '?',
  '#',
  'o',
  'n',
  ':8443',
  '..',
  '::',
];
const SECRET = 'qX7-secret';
const USER = { login: 'ada', email: 'ada@example.com', name: 'Ada' };

const remoteUrl = pureTarget({
  name: 'remote-url',
  about: 'URLs of remotes, with a password or without',
  inputs: fc.record({ scheme: textOf(URL_TOKENS, 40), user: textOf(URL_TOKENS, 20), rest: textOf(URL_TOKENS) }),
  attempt: ({ scheme, user, rest }) => {
    const { url, address } = parseRemoteUrl(scheme + rest);
    expect(!/\p{Cc}/u.test(url), 'the URL has control characters');
    if (address !== undefined) {
      const web = new URL(`https://${address.host}/${address.organization}/${address.repository}`);
      expect(web.pathname.split('/').length >= 3 && web.username === '', 'the address is none of a repository');
    }
    const name = user.replace(/[/?#]/g, '');
    for (const form of ['https', 'ssh', 'ftp']) {
      const parsed = JSON.stringify(parseRemoteUrl(`${form}://${name}:${SECRET}@${rest}`));
      expect(!parsed.includes(SECRET), 'the password is kept');
    }
  },
});

const EVENT_KEYS = [
  ...[
    'ref',
    'after',
    'before',
    'action',
    'number',
    'pull_request',
    'head',
    'base',
    'sha',
    'repo',
    'user',
    'login',
    'title',
  ],
  ...[
    'comment',
    'body',
    'issue',
    'state',
    'release',
    'tag_name',
    'repository',
    'owner',
    'name',
    'sender',
    'installation',
  ],
  ...[
    'headers',
    'x-github-event',
    'push',
    'refs/heads/x',
    'refs/tags/',
    '/taskcluster ',
    'commits',
    'head_commit',
    'message',
  ],
];

const eventFile = pureTarget({
  name: 'event-file',
  about: 'files with an event, whole or in part',
  inputs: fc.record({ text: largeJson(EVENT_KEYS), below: largeJson(EVENT_KEYS, 10_000) }),
  attempt: ({ text, below }) =>
    allowing([CiInputError, NoTasksForEvent, SyntaxError], () => {
      const { name, body } = readEventFile({ content: JSON.parse(text), name: 'event.json' }, undefined);
      const synthetic = readEventFile({ content: JSON.parse(below), name: 'below.json' }, 'push').body;
      const event = laidOver(laidOver(synthetic, body), eventOf(name, partsIn(body)));
      expect(
        Object.keys(body).every((key) => Object.hasOwn(event, key)),
        'a part of the file is lost',
      );
      expect(missingTexts(name, event).length > 0 || ownerOf(name, event) !== undefined, 'there is no owner');
      refuseDroppedEvent(name, event);
      detailsOf(name, event, USER);
    }),
});

const comment = pureTarget({
  name: 'comment-command',
  about: 'comments, and other text that is shown',
  inputs: textOf(['/taskcluster', '/taskcluster ', '\n', '\r\n', ' ', '\u2028', 'build']),
  attempt: (text) => {
    const command = commandIn(text);
    expect(command === undefined || (command !== '' && text.includes(command)), 'the command is not in the comment');
    if (text.trim() !== '')
      expect(commandIn(commentText(text)) !== undefined, 'there is no command in the comment made of it');
    expect(printable(text, 100).length < 150, 'the text is not cut');
  },
});

export const CI_EVENTS: readonly Target[] = [remoteUrl, eventFile, comment];

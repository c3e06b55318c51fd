import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import type { Schema } from '../http/schema.js';
import {
  EMAIL_REQUEST,
  MATRIX_REQUEST,
  NOTIFICATION_ADDRESS,
  NOTIFICATION_ADDRESS_LIST,
  PULSE_REQUEST,
  SLACK_REQUEST,
} from '../schemas/notify-schemas.js';
import type { NotificationAddress } from '../schemas/notify-schemas.js';

/** Returns the endpoints of the notify service: it checks its input and never sends anything. */
export function notifyEndpoints(): readonly Endpoint[] {
  const denied = new Map<string, NotificationAddress>();
  const sending = <Input>(message: Message<Input>): Endpoint =>
    endpoint({
      name: message.name,
      method: 'POST',
      route: `/${message.name}`,
      input: message.input,
      handle: ({ input, authorize }) => {
        const notificationAddress = message.addressOf(input);
        authorize(`notify:${message.type}:${notificationAddress}`);
        if (denied.has(keyOf({ notificationType: message.type, notificationAddress }))) {
          throw new ApiError(
            'DenylistedAddress',
            `${message.type} ${notificationAddress} is on the list of the denied.`,
          );
        }
        return { status: 200, body: {} };
      },
    });
  return [
    sending({ name: 'email', type: 'email', input: EMAIL_REQUEST, addressOf: ({ address }) => address }),
    sending({ name: 'pulse', type: 'pulse', input: PULSE_REQUEST, addressOf: ({ routingKey }) => routingKey }),
    sending({ name: 'matrix', type: 'matrix-room', input: MATRIX_REQUEST, addressOf: ({ roomId }) => roomId }),
    sending({ name: 'slack', type: 'slack-channel', input: SLACK_REQUEST, addressOf: ({ channelId }) => channelId }),
    ...denylistEndpoints(denied),
  ];
}

interface Message<Input> {
  readonly name: string;
  /** The kind of address, in scopes and in the denylist. */
  readonly type: string;
  readonly input: Schema<Input>;
  readonly addressOf: (input: Input) => string;
}

function denylistEndpoints(denied: Map<string, NotificationAddress>): readonly Endpoint[] {
  return [
    endpoint({
      name: 'addDenylistAddress',
      method: 'POST',
      route: '/denylist/add',
      input: NOTIFICATION_ADDRESS,
      scopes: () => 'notify:manage-denylist',
      handle: ({ input }) => {
        denied.set(keyOf(input), input);
        return { body: {} };
      },
    }),
    endpoint({
      name: 'deleteDenylistAddress',
      method: 'DELETE',
      route: '/denylist/delete',
      input: NOTIFICATION_ADDRESS,
      scopes: () => 'notify:manage-denylist',
      handle: ({ input }) => {
        denied.delete(keyOf(input));
        return { body: {} };
      },
    }),
    endpoint({
      name: 'listDenylist',
      method: 'GET',
      route: '/denylist/list',
      query: PAGING,
      output: NOTIFICATION_ADDRESS_LIST,
      scopes: () => 'notify:manage-denylist',
      handle: ({ query }) => {
        const { items: addresses, next } = pageOf(denied.values(), keyOf, query);
        return { body: { addresses, ...next } };
      },
    }),
  ];
}

function keyOf({ notificationType, notificationAddress }: NotificationAddress): string {
  return `${notificationType} ${notificationAddress}`;
}

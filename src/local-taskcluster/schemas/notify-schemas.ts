import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';

const TEXT = { type: 'string' } as const;
const EMAIL = { type: 'string', format: 'email' } as const;
const FLAG = { type: 'boolean', default: false } as const;
const text = (maxLength: number): object => ({ type: 'string', minLength: 1, maxLength });

export const EMAIL_REQUEST = new Schema<{ readonly address: string }>(
  'Send Email Request',
  objectOf(
    {
      address: EMAIL,
      subject: text(255),
      content: text(102_400),
      link: objectOf({ text: text(40), href: { ...text(1024), format: 'uri' } }),
      replyTo: EMAIL,
      template: { type: 'string', enum: ['simple', 'fullscreen'], default: 'simple' },
    },
    ['link', 'replyTo', 'template'],
  ),
);

export const PULSE_REQUEST = new Schema<{ readonly routingKey: string }>(
  'Post Pulse Message Request',
  objectOf({ routingKey: { type: 'string', maxLength: 255 }, message: { type: 'object' } }),
);

export const MATRIX_REQUEST = new Schema<{ readonly roomId: string }>(
  'Send Matrix Notice Request',
  objectOf(
    {
      roomId: TEXT,
      body: TEXT,
      format: TEXT,
      formattedBody: TEXT,
      msgtype: { type: 'string', enum: ['m.notice', 'm.text', 'm.emote'], default: 'm.notice' },
    },
    ['format', 'formattedBody', 'msgtype'],
  ),
);

export const SLACK_REQUEST = new Schema<{ readonly channelId: string }>(
  'Send Slack Message Request',
  objectOf(
    {
      channelId: TEXT,
      text: TEXT,
      blocks: { type: 'array' },
      attachments: { type: 'array' },
      unfurlLinks: FLAG,
      unfurlMedia: FLAG,
    },
    ['blocks', 'attachments', 'unfurlLinks', 'unfurlMedia'],
  ),
);

/** An address that must not be notified. */
export interface NotificationAddress {
  readonly notificationType: string;
  readonly notificationAddress: string;
}

const ADDRESS = objectOf({
  notificationType: { type: 'string', enum: ['email', 'pulse', 'matrix-room', 'slack-channel'] },
  notificationAddress: TEXT,
});

export const NOTIFICATION_ADDRESS = new Schema<NotificationAddress>('Notification Type and Address', ADDRESS);

export const NOTIFICATION_ADDRESS_LIST = listSchema('List of Notification Addresses', 'addresses', ADDRESS);

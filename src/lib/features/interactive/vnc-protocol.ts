import type { ClientMessage, ServerMessage, SessionProtocol } from './session-protocol.js';

/** x11vnc begins with what is wrong; pages of advice follow. */
const MAX_PRINTED_LENGTH = 500;

/** The bytes of RFB (RFC 6143) as they are, in both directions; only the close frame has words. One per session. */
export class VncProtocol implements SessionProtocol {
  readonly version = 'vnc';
  #printed = '';

  /** How the VNC server began to tell of itself, in one line. */
  get printed(): string {
    return this.#printed.trim().replaceAll(/\s*\n\s*/g, ' | ');
  }

  decode(message: Buffer): ClientMessage {
    return { kind: 'stdin', data: message };
  }

  encode(message: ServerMessage): Buffer | undefined {
    if (message.kind !== 'output') return undefined;
    if (message.from === 'stdout') return message.data;
    this.#printed = (this.#printed + message.data.toString()).slice(0, MAX_PRINTED_LENGTH);
    return undefined;
  }
}

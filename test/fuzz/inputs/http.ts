import fc from 'fast-check';
import { mutated } from './bytes.js';
import { MAX_BYTES, textOf } from './text.js';

/** Stands in a path for the secret that only the running server knows. */
export const TOKEN = '{TOKEN}';

/** What one client sends over one connection; `TOKEN` in it is still to be replaced. */
export interface RawRequest {
  readonly bytes: Buffer;
  /** In pieces of so many bytes. */
  readonly step: number;
}

const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'DELETE', 'get', '', 'G\0T'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', ''];
const HEADERS = [
  'Host: x',
  'Connection: close',
  'Connection: keep-alive, x',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: a, b,,',
  'Sec-WebSocket-Extensions: permessage-deflate; x="',
  'Content-Length: 5',
  'Content-Length: 99999999999999999999',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity, chunked',
  'Expect: 100-continue',
  'Range: bytes=0-',
  'Range: bytes=-5',
  'Range: bytes=5-2,7-',
  'If-Range: "x"',
  'Content-Type: application/json',
  'Trailer: X',
];
const HEADER_TOKENS = [
  'Range: bytes=',
  ' ',
  '\t',
  'X: ',
  ':',
  ',',
  '=',
  '-',
  '0',
  '\r\n',
  '\n',
  'Connection: ',
  'a',
  '"',
  ';',
];
const BODIES = ['hello', '5\r\nhello\r\n0\r\n\r\n', 'fffffffff\r\nx', '{"a":1}', '\r\n', '0\r\nX: y\r\n\r\n'];

function joined(head: readonly string[], body: string): Buffer {
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/** One request or several to these paths; some are good, some nearly, some not at all. `tail`: what may follow one. */
export function rawRequest(
  paths: readonly string[],
  tail: fc.Arbitrary<Buffer> = fc.constant(Buffer.alloc(0)),
): fc.Arbitrary<RawRequest> {
  const path = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...paths) },
    { weight: 2, arbitrary: textOf([...paths, '/', '?', '&', '%2e', '..', 'command=', 'tty=', '#'], 20_000) },
  );
  const header = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...HEADERS) },
    { weight: 1, arbitrary: textOf(HEADER_TOKENS, 12_000) },
  );
  const body = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('', ...BODIES) },
    { weight: 1, arbitrary: textOf(['5\r\n', 'hello', '\r\n', '0', 'a'], MAX_BYTES - 100_000) },
  );
  const request = fc
    .tuple(fc.constantFrom(...METHODS), path, fc.constantFrom(...VERSIONS), fc.array(header, { maxLength: 8 }), body)
    .map(([method, target, version, headers, content]) =>
      joined([`${method} ${target} ${version}`, ...headers], content),
    );
  const upgrade = fc
    .tuple(path, tail)
    .map(([target, more]) =>
      Buffer.concat([joined([`GET ${target} HTTP/1.1`, ...HEADERS.slice(0, 1), ...HEADERS.slice(3, 7)], ''), more]),
    );
  const several = fc.array(request, { minLength: 1, maxLength: 3 }).map((all) => Buffer.concat(all));
  return fc.record({
    bytes: fc
      .oneof(
        { weight: 4, arbitrary: several },
        { weight: 3, arbitrary: upgrade },
        { weight: 2, arbitrary: mutated(fc.oneof(several, upgrade)) },
        {
          weight: 1,
          arbitrary: textOf(['GET ', '/', ' HTTP/1.1', '\r\n', 'Host: x', '\x16\x03\x01'], 100_000).map((text) =>
            Buffer.from(text),
          ),
        },
      )
      .map((bytes) => bytes.subarray(0, MAX_BYTES)),
    step: fc.constantFrom(1, 3, 1000, 65_536, MAX_BYTES),
  });
}

/** With the secret in its place, in pieces. */
export function piecesOf({ bytes, step }: RawRequest, token: string): readonly Buffer[] {
  const all = Buffer.from(bytes.toString('latin1').replaceAll(TOKEN, token), 'latin1');
  // More pieces would measure the network.
  const length = Math.max(step, Math.ceil(all.length / 50));
  return Array.from({ length: Math.ceil(all.length / length) }, (_, n) => all.subarray(n * length, (n + 1) * length));
}

const frame = fc
  .tuple(
    fc.constantFrom(0x82, 0x82, 0x82, 0x81, 0x80, 0x02, 0x88, 0x89, 0x8a, 0xf2, 0x83),
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, 50, 100, 101, 102, 200, 255) },
      { weight: 1, arbitrary: fc.nat(255) },
    ),
    fc.oneof(textOf(['\x01\0\x02\0', '\x04', 'a', '\r\n'], 500), textOf(['a', '\0'], 150_000)),
    fc.constantFrom('right', 'right', 'right', 'right', 'too long', 'unmasked'),
  )
  .map(([opcode, code, text, length]) =>
    webSocketFrame(opcode, Buffer.concat([Buffer.of(code), Buffer.from(text)]), length),
  );

function webSocketFrame(opcode: number, payload: Buffer, length: string): Buffer {
  const said = length === 'too long' ? payload.length + 5 : payload.length;
  const mask = length === 'unmasked' ? 0 : 0x80;
  const head = Buffer.alloc(14);
  head[0] = opcode;
  let size = 2;
  if (said < 126) head[1] = mask | said;
  else if (said < 65_536) {
    head[1] = mask | 126;
    size = 2 + head.writeUInt16BE(said, 2) - 2;
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(said), 2);
    size = 10;
  }
  // A mask of zeros changes nothing.
  return Buffer.concat([head.subarray(0, mask ? size + 4 : size), payload]);
}

/** What may come once a connection is a WebSocket. */
export const webSocketFrames: fc.Arbitrary<Buffer> = fc
  .array(frame, { maxLength: 5 })
  .map((frames) => Buffer.concat(frames).subarray(0, MAX_BYTES / 2));

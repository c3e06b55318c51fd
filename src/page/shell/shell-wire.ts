/** What a worker sends to a shell's page. */
export type ShellMessage =
  | { readonly kind: 'output'; readonly data: Uint8Array }
  | { readonly kind: 'resume' }
  | { readonly kind: 'pause' }
  /** The shell has ended. */
  | { readonly kind: 'stopped'; readonly exitCode: number }
  /** The run is over. */
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'unknown' };

/** A version of the protocol of interactive sessions, as docs/features.md describes it. */
export interface ShellWire {
  readonly version: 1 | 2;
  readonly decode: (message: Uint8Array) => ShellMessage;
  readonly input: (data: Uint8Array) => Uint8Array;
  readonly resize: (rows: number, columns: number) => Uint8Array;
  /** Asks the worker to wait with output, or to go on. Undefined if the version can't. */
  readonly flow: (isPaused: boolean) => Uint8Array | undefined;
}

const CODE = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  resize: 50,
  resume: 100,
  pause: 101,
  stopped: 200,
  shutdown: 201,
  error: 202,
} as const;
const RAW = { stdin: 1, resize: 2 } as const;
const MAX_SIZE = 0xffff;

/** Every message begins with its type. */
const VERSION_1: ShellWire = {
  version: 1,
  decode: (message) => {
    const data = message.subarray(1);
    switch (message[0]) {
      case CODE.stdout:
      case CODE.stderr:
        return { kind: 'output', data };
      case CODE.resume:
        return { kind: 'resume' };
      case CODE.pause:
        return { kind: 'pause' };
      case CODE.stopped:
        return { kind: 'stopped', exitCode: data[0] ?? 0 };
      case CODE.shutdown:
        return { kind: 'shutdown' };
      case CODE.error:
        return { kind: 'error', text: new TextDecoder().decode(data) };
      case undefined:
      default:
        return { kind: 'unknown' };
    }
  },
  input: (data) => framed(CODE.stdin, data),
  resize: (rows, columns) => sized(CODE.resize, rows, columns),
  flow: (isPaused) => Uint8Array.of(isPaused ? CODE.pause : CODE.resume),
};

/** Output comes as it is; only what the page sends begins with its type. */
const VERSION_2: ShellWire = {
  version: 2,
  decode: (data) => ({ kind: 'output', data }),
  input: (data) => framed(RAW.stdin, data),
  resize: (rows, columns) => sized(RAW.resize, rows, columns),
  flow: () => undefined,
};

/** Returns the protocol that the page's address asks for by `v`; undefined for one that nobody speaks. */
export function shellWire(version: string | null): ShellWire | undefined {
  if (version === '1') return VERSION_1;
  return version === '2' ? VERSION_2 : undefined;
}

function framed(code: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(data.length + 1);
  message[0] = code;
  message.set(data, 1);
  return message;
}

/** Rows first, each of both as 16 bits, the lower 8 first. */
function sized(code: number, rows: number, columns: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(5));
  view.setUint8(0, code);
  view.setUint16(1, Math.min(rows, MAX_SIZE), true);
  view.setUint16(3, Math.min(columns, MAX_SIZE), true);
  return new Uint8Array(view.buffer);
}

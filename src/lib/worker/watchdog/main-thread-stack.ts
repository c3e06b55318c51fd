import { Session } from 'node:inspector';
import type { Debugger } from 'node:inspector';
import { fileURLToPath } from 'node:url';

/** The main thread, paused until it is resumed or the process exits. */
export interface PausedThread {
  /** One frame per line, innermost first. */
  readonly stack: string;
  /** Makes the main thread call process.exit. Returns at once. */
  exit(code: number): void;
  resume(): void;
}

const MOST_FRAMES = 40;

/**
 * Pauses the main thread; must be called from another thread. Returns undefined if the main thread does not reach any
 * JavaScript within `timeoutMs`: it is in native code (a large JSON.parse) or in a system call (execFileSync).
 */
export async function pauseMainThread(timeoutMs: number): Promise<PausedThread | undefined> {
  const session = new Session();
  session.connectToMainThread();
  const urls = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
  return await new Promise((resolve) => {
    const limit = setTimeout(() => {
      session.disconnect();
      resolve(undefined);
    }, timeoutMs);
    session.on('Debugger.paused', ({ params: { callFrames } }) => {
      clearTimeout(limit);
      const stack = callFrames.slice(0, MOST_FRAMES).map((frame) => describeFrame(frame, urls));
      resolve({
        stack: stack.join('\n'),
        exit: (code) => {
          const callFrameId = callFrames[0]?.callFrameId ?? '';
          session.post('Debugger.evaluateOnCallFrame', { callFrameId, expression: `process.exit(${code})` });
        },
        resume: () => {
          session.post('Debugger.resume');
          session.disconnect();
        },
      });
    });
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

function describeFrame({ functionName, location, url }: Debugger.CallFrame, urls: ReadonlyMap<string, string>): string {
  const { scriptId, lineNumber, columnNumber = 0 } = location;
  const source = url || (urls.get(scriptId) ?? '');
  const file = source.startsWith('file:') ? fileURLToPath(source) : source || '<unknown>';
  return `at ${functionName || '<anonymous>'} (${file}:${lineNumber + 1}:${columnNumber + 1})`;
}

import type { ReaderState } from './log-reader.js';

/** Says where the reading stands, and why. */
export function describeState(state: ReaderState, isLive: boolean): string {
  switch (state.kind) {
    case 'connecting':
      return 'connecting';
    case 'reading':
      return isLive ? 'live' : 'loading';
    case 'waiting':
      return `${state.reason}; next try in ${Math.ceil(state.retryMs / 1000)} s`;
    case 'complete':
      return 'complete';
    case 'failed':
      return state.reason;
  }
}

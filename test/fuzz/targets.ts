import type { Target } from './target.js';
import { ARTIFACT_TAR } from './targets/artifact-tar.js';
import { CI_EVENTS } from './targets/ci-events.js';
import { ENGINE } from './targets/engine.js';
import { HOST } from './targets/host.js';
import { IMAGE_ARCHIVES } from './targets/image-archives.js';
import { LOG_TEXTS } from './targets/log-texts.js';
import { NAMES } from './targets/names.js';
import { PAYLOADS } from './targets/payloads.js';
import { SERVERS } from './targets/servers.js';
import { SERVICES } from './targets/services.js';
import { STATE_FILES } from './targets/state-files.js';

/** Everything that is fuzzed. A new target joins one of these lists. */
export const TARGETS: readonly Target[] = [
  ...PAYLOADS,
  ...NAMES,
  ...LOG_TEXTS,
  ...IMAGE_ARCHIVES,
  ...ARTIFACT_TAR,
  ...SERVERS,
  ...HOST,
  ...ENGINE,
  ...SERVICES,
  ...STATE_FILES,
  ...CI_EVENTS,
];

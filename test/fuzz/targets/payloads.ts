import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { createOptions } from '../../../src/lib/docker/create-options.js';
import { createFeatures } from '../../../src/lib/features/registry.js';
import type { FeatureServices } from '../../../src/lib/features/registry.js';
import { requestedDevices } from '../../../src/lib/devices/device-manager.js';
import { admitTask } from '../../../src/lib/task/phases/admit.js';
import type { Admission, AdmittedTask } from '../../../src/lib/task/phases/admit.js';
import { containerSpec } from '../../../src/lib/task/phases/container-spec.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { writeHeader } from '../../../src/lib/task-log/lines.js';
import { logSettings } from '../../../src/lib/task-log/publisher.js';
import { deepFreeze, payloadValidator } from '../../../src/lib/task/validate-payload.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { load } from '../../unit/config/fixture.js';
import { IMAGE, runContext, taskOf } from '../../unit/task/task-fixture.js';
import { allowing, expect } from '../expect.js';
import { awkwardNames, jsonValue, largeJson } from '../inputs/json.js';
import { PAYLOAD_KEYS, goodPayload } from '../inputs/payloads.js';
import { target } from '../target.js';
import type { Running, Target } from '../target.js';

const NEVER = new AbortController().signal;
const DEFAULTS = { logDriver: { type: 'none', options: {} }, limits: {} };

/** All features of a worker that allows everything. None of them is ever prepared, so what they would work with is missing. */
async function admission(): Promise<Admission> {
  const { config } = await load();
  const missing = { devices: { neededBy: requestedDevices }, proxy: {}, interactive: {}, saving: {}, sidecars: {} };
  const dockerConfig = { ...config.dockerConfig, allowPrivileged: true, allowDisableSeccomp: true };
  const enabled = { encryptedEnv: { enabled: true } };
  const features = createFeatures(
    { ...config, dockerConfig, features: enabled },
    missing as unknown as FeatureServices,
  );
  return { validatePayload: payloadValidator(undefined, [], () => new Date(0)), features, isEnabled: () => true };
}

/** From the claim to the container, as far as it takes nothing but the payload. */
async function admitted(payload: unknown, scopes: readonly string[], allowed: Admission): Promise<AdmittedTask> {
  const definition = deepFreeze({ ...taskOf(payload), scopes });
  const context = runContext(definition, new MemoryOutput());
  // What the worker does between these steps waits for files.
  await setImmediate();
  logSettings(payload);
  writeHeader(context.output, context);
  await setImmediate();
  const result = await admitTask(context, allowed, NEVER);
  JSON.stringify(createOptions(containerSpec(result.task, [], IMAGE, DEFAULTS)));
  return result;
}

const payloadText = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        goodPayload,
        fc.dictionary(fc.constantFrom(...PAYLOAD_KEYS, 'bogus', '__proto__'), jsonValue(PAYLOAD_KEYS), { maxKeys: 3 }),
      )
      .map(([good, changes]) => JSON.stringify({ ...good, ...changes })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(goodPayload, fc.constantFrom(...PAYLOAD_KEYS), awkwardNames)
      .map(([good, key, names]) => JSON.stringify({ ...good, [key]: names })),
  },
  { weight: 1, arbitrary: jsonValue(PAYLOAD_KEYS).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: largeJson(PAYLOAD_KEYS) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...PAYLOAD_KEYS), largeJson(PAYLOAD_KEYS, 1_000_000))
      .map(([key, json]) => `{"image":"a","maxRunTime":1,"${key}":${json}}`),
  },
);

interface PayloadInput {
  readonly text: string;
  readonly scopes: readonly string[];
}

const payload = target({
  name: 'payload',
  about: 'payloads of tasks, most of them wrong',
  inputs: fc.record({ text: payloadText, scopes: fc.constantFrom(['*'], ['docker-worker:cache:more-*'], []) }),
  start: async (): Promise<Running<PayloadInput>> => {
    const allowed = await admission();
    return {
      attempt: async ({ text, scopes }) => {
        await allowing([TaskError], () => admitted(JSON.parse(text), scopes, allowed));
      },
    };
  },
});

const good = target({
  name: 'good-payload',
  about: 'payloads that a worker has to take',
  inputs: goodPayload,
  start: async (): Promise<Running<object>> => {
    const allowed = await admission();
    return {
      attempt: async (value) => {
        const { task } = await admitted(value, ['*'], allowed);
        expect(JSON.stringify(task.payload) === JSON.stringify(value), 'the payload has become another one');
      },
    };
  },
});

export const PAYLOADS: readonly Target[] = [payload, good];

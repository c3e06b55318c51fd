import type { Payload } from '../../src/lib/task/payload.js';
import type { PayloadValidator } from '../../src/lib/task/validate-payload.js';
import { payloadValidator } from '../../src/lib/task/validate-payload.js';

const validate = payloadValidator(undefined);

/** The packaged schema, as if `machineInfo` were among its features. */
export const withMachineInfoKey: PayloadValidator = (task) => {
  const payload = task.payload as Payload;
  const { machineInfo, ...features } = payload.features ?? {};
  const result = validate({ ...task, payload: { ...payload, features } });
  if (!('payload' in result) || machineInfo === undefined) return result;
  return { payload: { ...result.payload, features: { ...features, machineInfo } } };
};

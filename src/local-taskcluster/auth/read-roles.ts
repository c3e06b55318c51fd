import { load } from 'js-yaml';
import { errorMessage } from '../../lib/util/error-message.js';
import { Schema } from '../http/schema.js';
import { SCOPES } from '../schemas/scope-schemas.js';
import type { NewRole } from './role-table.js';

type RolesFile = readonly NewRole[] | Readonly<Record<string, readonly string[]>>;

const ROLE_ID = { type: 'string', pattern: '^[\\x20-\\x7e]+$' } as const;

const ROLES_FILE = new Schema<RolesFile>('Roles', {
  oneOf: [
    { type: 'object', propertyNames: ROLE_ID, additionalProperties: SCOPES },
    {
      type: 'array',
      // Other properties that the auth service returns for a role are ignored.
      items: {
        type: 'object',
        properties: { roleId: ROLE_ID, scopes: SCOPES, description: { type: 'string' } },
        required: ['roleId', 'scopes'],
      },
    },
  ],
});

/**
 * Reads roles from a YAML or JSON file: either a map from role id to a list of scopes, or the list that auth.listRoles
 * returns. Throws an Error that says what is wrong with the file.
 */
export function readRoles(text: string): readonly NewRole[] {
  let content: unknown;
  try {
    content = load(text);
  } catch (error) {
    throw new Error(`it is neither YAML nor JSON: ${errorMessage(error)}`, { cause: error });
  }
  const checked = ROLES_FILE.check(content ?? {});
  if ('problems' in checked) {
    const form = 'it has to be the id of each role with a list of scopes, or the list that auth.listRoles answers';
    throw new Error(`${form}: ${checked.problems.join('; ')}`);
  }
  if (Array.isArray(checked.value)) return checked.value as readonly NewRole[];
  return Object.entries(checked.value as Readonly<Record<string, readonly string[]>>).map(([roleId, scopes]) => ({
    roleId,
    scopes,
  }));
}

/** A fresh schema each time costs nothing: it is compiled once. Defaults are filled in while a file is checked. */
const text = (maxLength: number): object => ({ type: 'string', maxLength });

/** Version 0: each task is a whole definition, in which `{{ name }}` is replaced. */
export const SCHEMA_OF_VERSION_0 = {
  type: 'object',
  properties: {
    version: { type: 'integer', enum: [0] },
    metadata: {
      type: 'object',
      properties: { name: text(255), description: text(32_768), owner: text(255), source: text(4096) },
      additionalProperties: false,
      required: ['name', 'description', 'owner', 'source'],
    },
    allowPullRequests: { type: 'string', enum: ['public', 'collaborators'] },
    tasks: {
      type: 'array',
      default: [],
      items: {
        type: 'object',
        properties: {
          created: { type: 'string', default: '{{ $fromNow }}' },
          deadline: { type: 'string', default: "{{ '1 day' | $fromNow }}" },
        },
      },
    },
  },
  additionalProperties: false,
  required: ['version'],
} as const;

/** Version 1: everything but version and hooks is one JSON-e template. */
export const SCHEMA_OF_VERSION_1 = {
  type: 'object',
  properties: {
    version: { type: 'integer', enum: [1] },
    policy: {
      type: 'object',
      properties: {
        pullRequests: { type: 'string', enum: ['public', 'public_restricted', 'collaborators', 'collaborators_quiet'] },
        allowComments: { type: 'string', enum: ['collaborators'] },
      },
      additionalProperties: false,
    },
    reporting: { type: 'string', enum: ['checks-v1'] },
    autoCancelPreviousChecks: { type: 'boolean', default: true },
    hooks: {
      type: 'array',
      default: [],
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, context: { type: 'object', default: {} } },
        additionalProperties: false,
        required: ['name'],
      },
    },
    tasks: {
      default: [],
      oneOf: [{ type: 'array', items: { type: 'object' } }, { type: 'object' }],
    },
  },
  additionalProperties: false,
  required: ['version'],
} as const;

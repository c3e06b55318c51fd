import yaml from 'js-yaml';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The result of looking up an environment variable: a value, nothing (an optional one), or a problem's message. */
export type EnvLookup =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'absent' }
  | { readonly kind: 'problem'; readonly message: string };

const ENABLED = ['true', 'yes', 'on', '1'];
const DISABLED = ['false', 'no', 'off', '0'];
const LIST_ITEM = /"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g;

/** Each parser returns undefined for text that it does not accept. */
const PARSERS = {
  string: { expected: 'text', parse: (text: string): unknown => text },
  secret: { expected: 'text', parse: (text: string): unknown => text },
  number: { expected: 'a number', parse: parseNumber },
  bool: { expected: 'true or false', parse: parseBoolean },
  flag: { expected: 'anything', parse: (text: string): unknown => !DISABLED.includes(text.toLowerCase()) },
  json: { expected: 'JSON', parse: parseJson },
  list: { expected: 'words separated by spaces', parse: parseList },
} as const;

type EnvType = keyof typeof PARSERS;

/** An `!env…` tag of a configuration file, before the environment is read. */
export class EnvReference {
  readonly variable: string;
  readonly #type: EnvType;
  readonly #optional: boolean;

  constructor(variable: string, type: EnvType, optional: boolean) {
    this.variable = variable;
    this.#type = type;
    this.#optional = optional;
  }

  get isSecret(): boolean {
    return this.#type === 'secret';
  }

  /** True when the variable may be missing. */
  get isOptional(): boolean {
    return this.#optional || this.#type === 'flag';
  }

  isSet(env: Environment): boolean {
    return (env[this.variable] ?? '') !== '';
  }

  /** Looks up the variable; an empty one counts as not set. A problem's message never contains the variable's value. */
  lookUp(env: Environment): EnvLookup {
    const text = env[this.variable] ?? '';
    if (text === '') return this.#missing();
    const { expected, parse } = PARSERS[this.#type];
    const value = parse(text);
    if (value !== undefined) return { kind: 'value', value };
    return { kind: 'problem', message: `environment variable ${this.variable} is not ${expected}` };
  }

  #missing(): EnvLookup {
    if (this.#type === 'flag') return { kind: 'value', value: false };
    if (this.#optional) return { kind: 'absent' };
    return { kind: 'problem', message: `environment variable ${this.variable} is not set` };
  }
}

/** YAML with `!env` tags, which become EnvReference objects. */
export const CONFIG_YAML_SCHEMA = yaml.DEFAULT_SCHEMA.extend([
  ...envTags('!env', 'string'),
  ...(Object.keys(PARSERS) as EnvType[]).flatMap((type) => envTags(`!env:${type}`, type)),
]);

function envTags(tag: string, type: EnvType): yaml.Type[] {
  return [false, true].map(
    (optional) =>
      new yaml.Type(optional ? `${tag}:optional` : tag, {
        kind: 'scalar',
        resolve: (name: unknown) => typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name),
        construct: (name: string) => new EnvReference(name, type, optional),
      }),
  );
}

function parseNumber(text: string): unknown {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : undefined;
}

function parseBoolean(text: string): unknown {
  const word = text.toLowerCase();
  if (ENABLED.includes(word)) return true;
  return DISABLED.includes(word) ? false : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's message quotes the text, which may be a secret; the caller names the variable instead.
    return undefined;
  }
}

function parseList(text: string): unknown {
  return [...text.matchAll(LIST_ITEM)].map(([, double, single, bare]) => {
    return double?.replace(/\\(.)/g, '$1') ?? single ?? bare;
  });
}

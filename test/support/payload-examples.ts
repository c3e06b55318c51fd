import { readFileSync } from 'node:fs';
import type { YamlExample } from './doc-examples.js';

const SCHEMA = JSON.parse(readFileSync('schemas/v1/payload.json', 'utf8')) as { readonly properties: object };
const TASK_KEYS = ['payload', 'scopes', 'metadata', 'routes', 'dependencies'];
/** What an example leaves out that a payload needs. */
const REST = { image: 'docker-worker/demo:latest', command: ['echo', 'hello'], maxRunTime: 60 };

/** Whether it is for a task: a payload, a whole task, or a part of one of them. */
export function isPayload({ value }: YamlExample): boolean {
  const keys = Object.keys(value);
  if ('payload' in value) return keys.every((key) => TASK_KEYS.includes(key));
  // Both the worker's configuration and payloads have features.
  const { features } = value;
  const areSwitches =
    features === undefined || Object.values(features as object).every((each) => typeof each === 'boolean');
  return areSwitches && keys.every((key) => key in SCHEMA.properties);
}

/** The example's payload, complete. */
export function payloadOf({ value }: YamlExample): Readonly<Record<string, unknown>> {
  return { ...REST, ...(('payload' in value ? value['payload'] : value) as object) };
}

/** The scopes that the example says a task needs. */
export function scopesOf({ value }: YamlExample): readonly string[] {
  return (value['scopes'] ?? []) as readonly string[];
}

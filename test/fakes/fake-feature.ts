import type { Contribution, Feature, TaskFeature } from '../../src/lib/task/feature.js';
import type { TaskContext } from '../../src/lib/task/task-context.js';
import type { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { Trace } from './trace.js';

export interface FakeFeatureOptions extends Partial<Omit<Feature, 'attach' | 'adopt'>>, TaskFeature {
  readonly trace?: Trace;
  /** Sees the task it is attached to. */
  readonly onAttach?: (task: TaskContext) => void;
  /** Sees the facts it is to go on with; left out: the feature can't be taken up again. */
  readonly onAdopt?: (facts: Contribution) => void;
}

/** A feature that is on for every task, traces its hooks as `<name>.<hook>` and does what the options say. */
export function fakeFeature({ trace = new Trace(), onAttach, onAdopt, ...options }: FakeFeatureOptions): Feature {
  const { name = 'fake' } = options;
  const hooks = hooksOf(name, trace, options);
  return {
    name,
    enabledByDefault: options.enabledByDefault ?? true,
    requiredScopes: options.requiredScopes ?? (() => undefined),
    reservedArtifacts: options.reservedArtifacts ?? (() => []),
    attach: (task) => {
      onAttach?.(task);
      return hooks;
    },
    ...(onAdopt && {
      adopt: (_task, facts) => {
        onAdopt(facts);
        return hooks;
      },
    }),
  };
}

function hooksOf(name: string, trace: Trace, options: TaskFeature): TaskFeature {
  return {
    prepare: async (resources: ResourceStack, signal) => {
      trace.add(`${name}.prepare`);
      resources.defer(name, () => {
        trace.add(`${name}.release`);
      });
      return (await options.prepare?.(resources, signal)) ?? {};
    },
    started: async (container, resources, signal) => {
      trace.add(`${name}.started`);
      await options.started?.(container, resources, signal);
    },
    collect: async (container, signal, end) => {
      trace.add(`${name}.collect`);
      await options.collect?.(container, signal, end);
    },
    finish: async (soFar, signal, image) => {
      trace.add(`${name}.finish`);
      await options.finish?.(soFar, signal, image);
    },
  };
}

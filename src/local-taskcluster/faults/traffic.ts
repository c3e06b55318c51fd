import type { FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { CallLog } from './call-log.js';
import type { SeenCall } from './call-log.js';
import type { CallParams } from './fault.js';
import { FaultRules } from './fault-rules.js';
import type { DueFault } from './fault-rules.js';
import { interfereAfter, interfereBefore } from './interfere.js';
import type { Exchange } from './interfere.js';

type RouteHooks = Required<Pick<RouteShorthandOptions, 'preHandler' | 'onSend'>>;

/** The names of a route's requests in rules and in the log, and the format of their errors. */
export interface WatchedRoute {
  /** Every name that `nameOf` may return. */
  readonly names: readonly string[];
  readonly nameOf: (request: FastifyRequest) => string;
  readonly paramsOf: (request: FastifyRequest) => CallParams;
  readonly streamsBody: boolean;
  readonly refuse: (request: FastifyRequest, reply: FastifyReply, status: number) => unknown;
}

interface Watched {
  readonly note: (more: Pick<SeenCall, 'status' | 'fault'>) => void;
  /** Undefined for a call without a fault. */
  readonly due: DueFault | undefined;
  readonly exchange: Exchange;
}

/** Logs every incoming request and injects faults into some of them. */
export class Traffic {
  readonly faults = new FaultRules();
  readonly calls: CallLog;
  readonly #watched = new WeakMap<FastifyRequest, Watched>();

  constructor(now: () => Date) {
    this.calls = new CallLog(now);
  }

  /**
   * Returns the hooks for a watched route. A hook that does not continue leaves the request until its connection
   * closes.
   */
  hooks(route: WatchedRoute): RouteHooks {
    for (const name of route.names) this.faults.know(name);
    return {
      preHandler: (request, reply, done) => {
        const { due, exchange } = this.#enter(route, request, reply);
        if (!due) done();
        else
          interfereBefore(due, exchange).then((continues) => {
            if (continues) done();
          }, done);
      },
      onSend: (request, reply, payload, done) => {
        const watched = this.#watched.get(request);
        watched?.note({ status: reply.statusCode });
        if (!watched?.due) done(null, payload);
        else
          interfereAfter(watched.due, watched.exchange, payload).then((sent) => {
            if (sent) done(null, sent.body);
          }, done);
      },
    };
  }

  #enter(route: WatchedRoute, request: FastifyRequest, reply: FastifyReply): Watched {
    const [call, params] = [route.nameOf(request), route.paramsOf(request)];
    const note = this.calls.add({ call, params });
    const due = this.faults.take(call, params);
    if (due) note({ fault: due.fault.kind });
    const refuse = (status: number): void => void route.refuse(request, reply, status);
    const watched = { note, due, exchange: { request, reply, streamsBody: route.streamsBody, refuse } };
    this.#watched.set(request, watched);
    return watched;
  }
}

import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage } from '../../lib/util/error-message.js';
import { TERMINATION_REQUEST } from '../schemas/worker-schemas.js';
import type { Terminations } from '../worker-manager/terminations.js';
import { FAULT_RULE } from './fault.js';
import type { FaultRule, FaultRuleJson } from './fault.js';
import type { FaultHandle } from './fault-rules.js';
import type { Traffic } from './traffic.js';

const LOOPBACK = '127.0.0.1';

interface AdminDeps extends Pick<Traffic, 'faults' | 'calls'> {
  readonly terminations: Pick<Terminations, 'decide' | 'list'>;
}

/**
 * An HTTP server on its own port for faults, decisions about workers, and the call log. It has no credentials: it
 * listens on the loopback address and answers only programs on this machine, not pages in a browser.
 */
export class AdminServer {
  readonly url: string;
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance) {
    const { port } = app.server.address() as AddressInfo;
    this.url = `http://${LOOPBACK}:${port}`;
    this.#app = app;
  }

  /** Starts the server; port 0 is any free one. Rejects when the port is not available. */
  static async start({ faults, calls, terminations }: AdminDeps, port: number): Promise<AdminServer> {
    const app = fastify({ forceCloseConnections: true });
    // A page may send these types to other origins without a preflight. Only JSON remains, which needs one.
    app.removeContentTypeParser('text/plain');
    app.addHook('onRequest', refusePages);
    app.get('/faults', () => ({ faults: faults.list().map(shown) }));
    app.post('/faults', (request, reply) => {
      const checked = FAULT_RULE.check(request.body);
      if ('problems' in checked) return refuse(reply, 400, checked.problems.join('; '));
      try {
        return reply.code(201).send(shown(faults.add(parseRule(checked.value))));
      } catch (error) {
        return refuse(reply, 400, errorMessage(error));
      }
    });
    app.delete('/faults', (_request, reply) => {
      faults.clear();
      return reply.code(204).send();
    });
    app.delete<{ Params: { readonly id: string } }>('/faults/:id', ({ params: { id } }, reply) => {
      const rule = faults.list().find((each) => String(each.id) === id);
      if (!rule) return refuse(reply, 404, `There is no rule ${id} in force.`);
      rule.remove();
      return reply.code(204).send();
    });
    app.get('/calls', () => ({ calls: calls.list() }));
    app.get('/terminations', () => ({ terminations: terminations.list() }));
    app.post('/terminations', (request, reply) => {
      const checked = TERMINATION_REQUEST.check(request.body);
      if ('problems' in checked) return refuse(reply, 400, checked.problems.join('; '));
      const { terminate, reason, ...worker } = checked.value;
      terminations.decide(worker, { terminate, reason });
      return reply.code(204).send();
    });
    await app.listen({ host: LOOPBACK, port });
    return new AdminServer(app);
  }

  async close(): Promise<void> {
    await this.#app.close();
  }
}

/**
 * Refuses pages from elsewhere: they get here by a name that resolves to this machine (Host), or across origins
 * (Origin).
 */
async function refusePages({ headers, hostname }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (headers.origin === undefined && [LOOPBACK, 'localhost'].includes(hostname)) return;
  await refuse(reply, 403, `Only programs on this machine may call, at ${LOOPBACK} or localhost.`);
}

function refuse(reply: FastifyReply, statusCode: number, message: string): FastifyReply {
  return reply.code(statusCode).send({ statusCode, message });
}

function parseRule({ times, ...rule }: FaultRuleJson): FaultRule {
  return times === undefined ? rule : { ...rule, times: times === 'always' ? Infinity : times };
}

function shown({ id, hits, rule: { call, fault, times, skip, where } }: FaultHandle): object {
  const spelled = times === Infinity ? 'always' : times;
  return { id, call, fault, times: spelled, skip, where: typeof where === 'function' ? 'a function' : where, hits };
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { utils } from '@noble/ed25519';
import { nice as newSlugid } from 'slugid';
import { errorMessage } from '../../src/lib/util/error-message.js';
import { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { WorkerProcess } from '../support/worker-process.js';
import { bridgeAddress } from '../support/bridge-address.js';
import { Deployment } from './deployment.js';
import { GitDaemon } from './git-daemon.js';
import { GitOrigin } from './git-origin.js';
import { IMAGE, renderFile, renderTemplate } from './render.js';

const run = promisify(execFile);
const HERE = resolve('test/taskgraph');
/** As the labels of images say that tasks made. */
const MAKER = 'docker-worker/taskgraph';
const FORGE = 'https://github.com/';

interface RenderedTask {
  readonly taskId?: string;
  readonly scopes: readonly string[];
}

/** An action of public/actions.json, as far as a hook needs it. */
interface Action {
  readonly name: string;
  readonly hookPayload: { readonly decision: { readonly action: { readonly cb_name: string } } };
  readonly extra: { readonly actionPerm: string };
}

/** The values with which an action is triggered. */
export interface ActionRequest {
  /** The name of its callback. */
  readonly callback: string;
  /** The group of a decision task. */
  readonly taskGroupId: string;
  /** The task it is about; null: the whole group. */
  readonly taskId: string | null;
  readonly input: object;
}

/** A project that runs its tasks by taskgraph: a forge, a deployment and a worker, all on this machine. */
export class Project {
  readonly deployment: Deployment;
  readonly hello: GitOrigin;
  readonly #resources: ResourceStack;

  private constructor(deployment: Deployment, hello: GitOrigin, resources: ResourceStack) {
    this.deployment = deployment;
    this.hello = hello;
    this.#resources = resources;
  }

  static async start(): Promise<Project> {
    const resources = new ResourceStack((what, error) => {
      assert.fail(`${what} is left: ${errorMessage(error)}`);
    });
    try {
      return await Project.#start(resources);
    } catch (error) {
      await resources.close();
      throw error;
    }
  }

  static async #start(resources: ResourceStack): Promise<Project> {
    const directory = await mkdtemp(join(tmpdir(), 'docker-worker-taskgraph-'));
    resources.defer('directory', () => rm(directory, { recursive: true, force: true }));
    const host = await bridgeAddress();
    const daemon = await GitDaemon.start(directory, host);
    resources.defer('git daemon', () => daemon.stop());
    await buildImage(join(directory, 'image'), daemon.url);
    // No other run can use it: it knows the address of this one's git server.
    resources.defer('images', () => removeImages());
    const hello = await createRepositories(directory);
    const deployment = await Deployment.start(host);
    resources.defer('deployment', () => deployment.close());
    const key = join(directory, 'key');
    await writeFile(key, Buffer.from(utils.randomSecretKey()).toString('base64'), { mode: 0o600 });
    const { rootUrl, credentials } = deployment.taskcluster;
    const pool = { provisionerId: 'acme-3', workerType: 'linux' };
    const settings = { ...pool, capacity: 2, ed25519SigningKeyLocation: key };
    const worker = await WorkerProcess.start({ rootUrl, credentials, settings });
    resources.defer('worker', () => worker.stop());
    return new Project(deployment, hello, resources);
  }

  /** Commits a change and creates what its .taskcluster.yml says. Resolves with the id of the decision task. */
  async push(message: string): Promise<string> {
    await this.hello.append('README.md', `\n${message}\n`);
    const { before, after } = await this.hello.push(message);
    const event = {
      ref: 'refs/heads/main',
      base_ref: null,
      before,
      after,
      pusher: { name: 'author', email: 'author@example.com' },
      sender: { login: 'author' },
      repository: {
        name: 'hello',
        full_name: 'acme/hello',
        html_url: `${FORGE}acme/hello`,
        clone_url: `${FORGE}acme/hello.git`,
      },
    };
    return await this.#createTasks({ tasks_for: 'github-push', event });
  }

  /** Triggers an action as the pages of Taskcluster do, by its hook. Resolves with the id of the action task. */
  async act({ callback, taskGroupId, taskId, input }: ActionRequest): Promise<string> {
    const { actions } = (await this.deployment.json(taskGroupId, 'public/actions.json')) as {
      readonly actions: readonly Action[];
    };
    const action = actions.find(({ hookPayload }) => hookPayload.decision.action.cb_name === callback);
    assert.ok(action, `no action calls ${callback}`);
    const { decision, user } = (await renderTemplate(action.hookPayload, { taskGroupId, taskId, input })) as {
      readonly decision: { readonly action: object; readonly repository: object; readonly push: object };
      readonly user: object;
    };
    return await this.#createTasks({
      ...decision,
      ...user,
      action: { ...decision.action, action_perm: action.extra.actionPerm },
      tasks_for: 'action',
      ownTaskId: newSlugid(),
      clientId: 'a-person',
    });
  }

  async close(): Promise<void> {
    await this.#resources.close();
  }

  async #createTasks(context: { readonly ownTaskId?: string; readonly [key: string]: unknown }): Promise<string> {
    const { rootUrl } = this.deployment.taskcluster;
    const given = { ...context, taskcluster_root_url: rootUrl };
    const { tasks } = (await renderFile(this.hello.directory, '.taskcluster.yml', given)) as {
      readonly tasks: readonly RenderedTask[];
    };
    const [first, ...others] = tasks;
    assert.deepEqual(others, []);
    assert.ok(first, 'the event makes no task');
    const { taskId = context.ownTaskId, ...task } = first;
    assert.ok(taskId);
    await this.deployment.create(taskId, task);
    return taskId;
  }
}

/** What tasks ask the forge for they get from the daemon. */
async function buildImage(directory: string, forgeUrl: string): Promise<void> {
  await cp(join(HERE, 'image'), directory, { recursive: true });
  await writeFile(join(directory, 'gitconfig'), `[url "${forgeUrl}"]\n\tinsteadOf = ${FORGE}\n`);
  await run('docker', ['build', '--quiet', '--tag', IMAGE, directory], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
}

/** Those that tasks made are the worker's, which keeps them for its next start. */
async function removeImages(): Promise<void> {
  const { stdout } = await run('docker', [
    'image',
    'ls',
    '--quiet',
    '--no-trunc',
    '--filter',
    `label=made-by=${MAKER}`,
  ]);
  const made = new Set(stdout.split('\n').filter((id) => id !== ''));
  await run('docker', ['image', 'rm', IMAGE, ...made]);
}

async function createRepositories(directory: string): Promise<GitOrigin> {
  const words = await GitOrigin.create(join(directory, 'acme/words'));
  await words.append('greeting', 'Hello\n');
  const { after: revision } = await words.push('words');
  const hello = await GitOrigin.create(join(directory, 'acme/hello'));
  await hello.copy(join(HERE, 'repository'), ['taskcluster/kinds/fetch/kind.yml'], { WORDS_REVISION: revision });
  await hello.push('The project');
  return hello;
}

import { strict as assert } from 'node:assert';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../support/until.js';
import { TEMPLATE, needProgram, needRoot, run, runOk, temporaryDirectory } from './machine-support.js';

const SCRIPT = 'deploy/template/usr/local/sbin/docker-worker-metadata-firewall';
const NAMESPACE = `dw-firewall-${process.pid}`;
const IPV4 = '-d 169.254.169.254/32 -j REJECT';
const IPV6 = '-d fd00:ec2::254/128 -j REJECT';

/** Network namespace for real rules. */
const inside = (...command: readonly string[]): readonly string[] => ['ip', 'netns', 'exec', NAMESPACE, ...command];

describe('the metadata firewall', () => {
  before(async function () {
    needRoot(this);
    await needProgram(this, 'iptables', 'iptables');
    await needProgram(this, 'ip', 'iproute2');
  });

  beforeEach(() => runOk(['ip', 'netns', 'add', NAMESPACE]));
  afterEach(() => runOk(['ip', 'netns', 'del', NAMESPACE]));

  it('blocks forwarded traffic to the metadata service with the first rule, and adds nothing when run again', async () => {
    await asDockerDoes('iptables');
    await asDockerDoes('ip6tables');
    const first = await runOk(inside(SCRIPT));
    assert.equal(first.match(/^changed: /gm)?.length, 2, first);
    assert.equal(await runOk(inside(SCRIPT)), '');
    assert.equal((await rules('iptables', 'DOCKER-USER'))[0], IPV4);
    assert.equal((await rules('ip6tables', 'DOCKER-USER'))[0], IPV6);
    assert.equal((await rules('iptables', 'DOCKER-USER')).filter((rule) => rule === IPV4).length, 1);
  });

  it('uses FORWARD when docker does not manage IPv6', async () => {
    await asDockerDoes('iptables');
    await runOk(inside(SCRIPT));
    assert.equal((await rules('ip6tables', 'FORWARD'))[0], IPV6);
  });

  it('waits for the chain of an engine with IPv6, which would precede a rule in FORWARD', async () => {
    await using folder = await temporaryDirectory();
    const env = { DOCKER_DAEMON_JSON: join(folder.path, 'daemon.json') };
    await copyFile(join(TEMPLATE, 'etc/docker/daemon.json'), env.DOCKER_DAEMON_JSON);
    await asDockerDoes('iptables');
    const script = run(inside(SCRIPT), env);
    await until('the rule for IPv4', () => rules('iptables', 'DOCKER-USER'), { isDone: (all) => all.includes(IPV4) });
    await asDockerDoes('ip6tables');
    const { code, stderr } = await script;
    assert.equal(code, 0, stderr);
    assert.equal((await rules('ip6tables', 'DOCKER-USER'))[0], IPV6);
    assert.ok(!(await rules('ip6tables', 'FORWARD')).includes(IPV6));
  });

  it("rejects a container's connection to the metadata address", async () => {
    await asDockerDoes('iptables');
    await runOk(inside('ip', 'link', 'set', 'lo', 'up'));
    // The metadata service, and a container behind a bridge, in namespaces next to this one.
    const container = `${NAMESPACE}-c`;
    await runOk(['ip', 'netns', 'add', container]);
    try {
      await runOk(inside('ip', 'link', 'add', 'to-metadata', 'type', 'veth', 'peer', 'name', 'metadata'));
      await runOk(inside('ip', 'address', 'add', '169.254.169.1/24', 'dev', 'to-metadata'));
      for (const end of ['to-metadata', 'metadata']) await runOk(inside('ip', 'link', 'set', end, 'up'));
      await runOk(inside('ip', 'link', 'add', 'docker0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', container));
      await runOk(inside('ip', 'address', 'add', '172.17.0.1/16', 'dev', 'docker0'));
      await runOk(inside('ip', 'link', 'set', 'docker0', 'up'));
      await runOk(inside('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'));
      const inContainer = (...command: readonly string[]): readonly string[] => [
        'ip',
        'netns',
        'exec',
        container,
        ...command,
      ];
      await runOk(inContainer('ip', 'address', 'add', '172.17.0.2/16', 'dev', 'eth0'));
      await runOk(inContainer('ip', 'link', 'set', 'eth0', 'up'));
      await runOk(inContainer('ip', 'route', 'add', 'default', 'via', '172.17.0.1'));
      await runOk(inside(SCRIPT));
      const attempt = await run(inContainer('timeout', '5', 'bash', '-c', 'exec 3<>/dev/tcp/169.254.169.254/80'));
      assert.match(attempt.stderr, /refused/i);
      assert.ok((await packetsRejected()) > 0);
    } finally {
      await runOk(['ip', 'netns', 'del', container]);
    }
  });

  it('changes nothing in a dry run, and prints what it would do', async () => {
    await asDockerDoes('iptables');
    const plan = await runOk(inside(SCRIPT, '--dry-run'));
    assert.match(plan, /^would run: iptables -w 30 -I DOCKER-USER 1 -d 169\.254\.169\.254\/32 -j REJECT$/m);
    assert.ok(!(await rules('iptables', 'DOCKER-USER')).includes(IPV4));
  });
});

async function asDockerDoes(program: string): Promise<void> {
  await runOk(inside(program, '-N', 'DOCKER-USER'));
  await runOk(inside(program, '-A', 'DOCKER-USER', '-j', 'RETURN'));
  await runOk(inside(program, '-I', 'FORWARD', '-j', 'DOCKER-USER'));
}

/** Returns the rules of a chain in order, without what iptables adds to a REJECT. */
async function rules(program: string, chain: string): Promise<readonly string[]> {
  const lines = (await runOk(inside(program, '-S', chain))).trim().split('\n');
  return lines
    .filter((line) => line.startsWith('-A'))
    .map((line) => line.replace(`-A ${chain} `, '').replace(/ --reject-with \S+/, ''));
}

async function packetsRejected(): Promise<number> {
  const listing = await runOk(inside('iptables', '-n', '-v', '-x', '-L', 'DOCKER-USER'));
  const [, packets] = /^\s*(\d+)\s+\d+ REJECT /m.exec(listing) ?? [];
  return Number(packets);
}

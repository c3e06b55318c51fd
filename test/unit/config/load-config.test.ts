import assert from 'node:assert/strict';
import { CREDENTIALS, ConfigFolder, PACKAGED, load, problemsOf } from './fixture.js';

const folder = new ConfigFolder();
beforeEach(() => folder.create());
afterEach(() => folder.remove());

describe('loadConfig: layers', () => {
  it('needs nothing but the three credentials on top of the packaged defaults', async () => {
    const { config, warnings } = await load({ configPath: PACKAGED });
    assert.equal(config.rootUrl, 'https://tc.example.com');
    assert.deepEqual(config.taskcluster, { clientId: 'me', accessToken: 'the-access-token' });
    assert.equal(config.workerId, 'box');
    assert.equal(config.capacity, 1);
    assert.deepEqual(config.docker, { socketPath: '/var/run/docker.sock' });
    assert.equal(config.cache.volumeCachePath, '/var/lib/docker-worker/var/cache/docker-worker');
    assert.equal(config.cache.releaseTimeout, 60_000);
    assert.equal(config.dockerSave.expiration, 604_800_000);
    assert.deepEqual(warnings, []);
  });

  it('reads the packaged file only once when it is also the given one', async () => {
    const { layers } = await load({ configPath: PACKAGED });
    assert.deepEqual(layers, ['this machine', `${PACKAGED} [defaults]`, 'command line'].slice(0, 2));
  });

  it('lets each later layer override all earlier ones', async () => {
    const packagedConfigPath = await folder.write(
      'packaged.yml',
      [
        'defaults: { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0, i: 0, j: 0, k: 0 }',
        'production: { b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1 }',
      ].join('\n'),
    );
    const rest = (from: string, value: number): string =>
      'abcdefghijk'
        .split(/(?=.)/)
        .filter((key) => key >= from)
        .map((key) => `"${key}": ${value}`)
        .join(', ');
    const configPath = await folder.write(
      'given.yml',
      `defaults: { ${rest('c', 2)} }\nproduction: { ${rest('d', 3)} }`,
    );
    for (const [index, dir] of ['cwd', 'home', 'etc'].entries()) {
      const key = 'egi'[index] ?? '';
      await folder.write(`${dir}/docker-worker.conf.json`, `{ ${rest(key, 4 + 2 * index)} }`);
      const next = 'fhj'[index] ?? '';
      await folder.write(`${dir}/docker-worker.conf.yml`, `{ ${rest(next, 5 + 2 * index)} }`);
    }
    // The messages about unknown keys name the layer that each value comes from.
    const problems = await problemsOf({
      packagedConfigPath,
      configPath,
      profile: 'production',
      searchDirs: ['cwd', 'home', 'etc'].map((dir) => folder.path(dir)),
      host: { name: 'host test', values: { k: 10, l: 10 } },
      flags: { l: 11 },
    });
    const origins = problems.filter((line) => line.includes('unknown key'));
    assert.deepEqual(
      origins.map((line) => line.replace(`${folder.root}/`, '').replace('unknown key (from ', '').replace(')', '')),
      [
        'a: packaged.yml [defaults]',
        'b: packaged.yml [production]',
        'c: given.yml [defaults]',
        'd: given.yml [production]',
        'e: cwd/docker-worker.conf.json',
        'f: cwd/docker-worker.conf.yml',
        'g: home/docker-worker.conf.json',
        'h: home/docker-worker.conf.yml',
        'i: etc/docker-worker.conf.json',
        'j: etc/docker-worker.conf.yml',
        'k: host test',
        'l: command line',
      ],
    );
  });

  it('merges maps deeply and replaces lists', async () => {
    const configPath = await folder.write(
      'given.yml',
      'dockerConfig: { maxAttempts: 9 }\nartifacts: { skipCompressionExtensions: [.one] }',
    );
    const { config } = await load({ configPath });
    assert.equal(config.dockerConfig.maxAttempts, 9);
    assert.equal(config.dockerConfig.delayFactor, 15_000);
    assert.deepEqual(config.artifacts.skipCompressionExtensions, ['.one']);
  });

  it('removes a value by null, but not a map', async () => {
    const configPath = await folder.write('given.yml', 'task:\nmaxTaskRunTime: 5\nmetrics: { port: 9000 }');
    const { config } = await load({ configPath, flags: { maxTaskRunTime: null, metrics: { port: null } } });
    assert.equal(config.task.reclaimDivisor, 2);
    assert.equal(config.maxTaskRunTime, undefined);
    assert.deepEqual(config.metrics, { host: '127.0.0.1' });
  });

  it('ignores missing flags', async () => {
    const { config } = await load({ flags: { capacity: undefined, workerId: 'other' } });
    assert.equal(config.capacity, 1);
    assert.equal(config.workerId, 'other');
  });

  for (const profile of ['production', 'test']) {
    it(`has a packaged profile ${profile}`, async () => {
      const { config } = await load({ profile, env: { ...CREDENTIALS, DNS_SERVER_SECRET: 'dns-secret' } });
      assert.equal(config.garbageCollection.wholeMachine, profile === 'production');
      assert.equal(config.dockerVolume, profile === 'production' ? '/mnt' : '/tmp/docker-worker-test');
    });
  }

  it('ignores the sections of other profiles', async () => {
    const configPath = await folder.write(
      'given.yml',
      'defaults: { capacity: 2 }\nmine: { capacity: 3 }\nyours: { nonsense: 1 }',
    );
    assert.equal((await load({ configPath })).config.capacity, 2);
    assert.equal((await load({ configPath, profile: 'mine' })).config.capacity, 3);
  });

  it('refuses an unknown profile and lists the known ones', async () => {
    assert.deepEqual(await problemsOf({ profile: 'prod' }), [
      'profile prod: no configuration file has this section, expected one of production, test',
    ]);
  });
});

describe('loadConfig: problems', () => {
  it('lists all problems at once, each with key, expectation and layer', async () => {
    const configPath = await folder.write(
      'given.yml',
      [
        'capacity: two',
        'rootURL: http://x',
        'dockerConfig: { maxTries: 2 }',
        'taskQueue: 7',
        'features: { magic: { enabled: true } }',
        'registries: { quay.io/me: { username: 5 } }',
      ].join('\n'),
    );
    const problems = await problemsOf({ configPath, env: {}, flags: { workerType: 'A' } });
    const expected = [
      /^rootUrl: environment variable TASKCLUSTER_ROOT_URL is not set \(from .*config\.yml \[defaults\]\)$/,
      /^taskcluster\.clientId: environment variable TASKCLUSTER_CLIENT_ID is not set /,
      /^taskcluster\.accessToken: environment variable TASKCLUSTER_ACCESS_TOKEN is not set /,
      /^capacity: expected a whole number, at least 0, found "two" \(from .*given\.yml\)$/,
      /^rootURL: unknown key, did you mean rootUrl\? \(from .*given\.yml\)$/,
      /^dockerConfig\.maxTries: unknown key, expected one of allowPrivileged, .* \(from .*given\.yml\)$/,
      /^taskQueue: expected a map of settings, found 7 \(from .*given\.yml\)$/,
      /^features\.magic: unknown feature, expected one of localLiveLog, .*balrogStageVPNProxy \(from .*given\.yml\)$/,
      /^registries\.quay\.io\/me\.password: missing, expected a string \(from .*given\.yml\)$/,
      /^registries\.quay\.io\/me\.username: expected a string, found 5 \(from .*given\.yml\)$/,
      /^workerType: expected .*, found "A" \(from command line\)$/,
    ];
    for (const pattern of expected) {
      assert.equal(
        problems.filter((line) => pattern.test(line)).length,
        1,
        `${pattern.source} in\n${problems.join('\n')}`,
      );
    }
    assert.equal(problems.length, expected.length, problems.join('\n'));
  });

  it('never quotes an invalid secret', async () => {
    const configPath = await folder.write(
      'given.yml',
      'taskcluster: { accessToken: [hunter2] }\nregistries: { a: { username: u, password: 4711 } }\nhost: !env:secret ODD',
    );
    const text = (await problemsOf({ configPath, env: { ...CREDENTIALS }, flags: { capacity: -1 } })).join('\n');
    assert.match(text, /registries\.a\.password: expected a string, found something else/);
    assert.doesNotMatch(text, /hunter2|4711/);
  });

  it('names the file and position of a syntax error, in one line, without quoting the file', async () => {
    const yml = await folder.write('given.yml', 'taskcluster:\n  accessToken: "hunter2\n');
    const [problem = '', ...others] = await problemsOf({ configPath: yml });
    assert.deepEqual(others, []);
    assert.match(problem, /^\S+given\.yml, line \d+, column \d+: not valid YAML or JSON: [^\n]+$/);
    assert.doesNotMatch(problem, /hunter2/);
  });

  it('reports a given file that is missing or not a map', async () => {
    assert.deepEqual(await problemsOf({ configPath: '/nowhere/x.yml' }), [
      '/nowhere/x.yml: there is no such file, give the path of a configuration file',
    ]);
    const list = await folder.write('list.yml', '- a');
    assert.deepEqual(await problemsOf({ configPath: list }), [`${list}: expected a map of settings at its top`]);
  });

  it('validates the parts of stateless host names', async () => {
    const statelessHostname = { enabled: true, secret: 'hunter2', domain: 'two words.com' };
    const found = (await problemsOf({ flags: { statelessHostname, publicIp: '2001:db8::1' } })).join('\n');
    assert.match(
      found,
      /^publicIp: expected an IPv4 address because host names are signed \(statelessHostname\), found "2001:db8::1"/m,
    );
    assert.match(found, /^statelessHostname.domain: expected a domain name, found "two words.com"/m);
    assert.doesNotMatch(found, /hunter2/);
    const { config } = await load({ flags: { statelessHostname: { enabled: false }, publicIp: '2001:db8::1' } });
    assert.equal(config.publicIp, '2001:db8::1');
  });

  it('treats a key called __proto__ as an unknown key', async () => {
    const configPath = await folder.write('given.json', '{"__proto__": {"capacity": 7}}');
    assert.match((await problemsOf({ configPath })).join('\n'), /^__proto__(\.capacity)?: unknown key/);
    assert.equal(Reflect.get({}, 'capacity'), undefined);
  });
});

describe('loadConfig: derived values', () => {
  it('sets capacity to the number of cores when each task gets one core, but keeps 0', async () => {
    assert.equal((await load({ flags: { restrictCPU: true, capacity: 2 } })).config.capacity, 6);
    assert.equal((await load({ flags: { restrictCPU: true, capacity: 0 } })).config.capacity, 0);
  });

  const endpoints = [
    { DOCKER_HOST: 'unix:///run/other.sock', expected: { socketPath: '/run/other.sock' } },
    { DOCKER_HOST: 'tcp://10.0.0.1:2376', expected: { host: '10.0.0.1', port: 2376 } },
    { DOCKER_HOST: 'tcp://engine', expected: { host: 'engine', port: 2375 } },
    { DOCKER_HOST: 'tcp://[::1]:99', expected: { host: '::1', port: 99 } },
  ];
  for (const { DOCKER_HOST, expected } of endpoints) {
    it(`finds docker by DOCKER_HOST=${DOCKER_HOST}`, async () => {
      assert.deepEqual((await load({ env: { ...CREDENTIALS, DOCKER_HOST } })).config.docker, expected);
    });
  }

  it('refuses an unusable DOCKER_HOST, unless the configuration says where docker is', async () => {
    const env = { ...CREDENTIALS, DOCKER_HOST: 'ssh://me@there' };
    assert.match((await problemsOf({ env })).join('\n'), /^docker: the environment variable DOCKER_HOST is neither/);
    const { config } = await load({ env, flags: { docker: { host: 'h', port: 1 } } });
    assert.deepEqual(config.docker, { host: 'h', port: 1 });
  });

  it('refuses half an address of docker, or two addresses', async () => {
    assert.match((await problemsOf({ flags: { docker: { host: 'h' } } })).join('\n'), /^docker: .* port is missing/);
    assert.match((await problemsOf({ flags: { docker: { socketPath: '/s', port: 1 } } })).join('\n'), /found both/);
  });

  it('drops an empty certificate and the trailing slash of rootUrl', async () => {
    const { config } = await load({ flags: { rootUrl: 'https://tc/', taskcluster: { certificate: '' } } });
    assert.equal(config.rootUrl, 'https://tc');
    assert.equal('certificate' in config.taskcluster, false);
  });

  it('makes a valid worker id of any host name', async () => {
    const { config } = await load({ machine: { hostname: `ip-10-0-0-1.${'x'.repeat(60)}`, cores: 1 } });
    assert.match(config.workerId, /^ip-10-0-0-1-x{26}$/);
  });

  it('deep-freezes the configuration', async () => {
    const { config } = await load();
    const thawed = (value: unknown, path: string): string[] => {
      if (typeof value !== 'object' || value === null) return [];
      const inner = Object.entries(value).flatMap(([key, each]) => thawed(each, `${path}.${key}`));
      return Object.isFrozen(value) ? inner : [path, ...inner];
    };
    assert.deepEqual(thawed(config, 'config'), []);
  });

  it('lists every secret', async () => {
    const { secrets } = await load({
      env: { ...CREDENTIALS, DNS_SERVER_SECRET: 'dns-secret', TASKCLUSTER_CERTIFICATE: '{"seed":"s"}' },
      flags: { registries: { r: { username: 'u', password: 'registry-password' } } },
    });
    assert.deepEqual(
      [...secrets].sort(),
      ['dns-secret', 'registry-password', 'the-access-token', '{"seed":"s"}'].sort(),
    );
  });
});

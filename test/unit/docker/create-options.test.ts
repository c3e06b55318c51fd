import { strict as assert } from 'node:assert';
import { createOptions } from '../../../src/lib/docker/create-options.js';
import { minimalSpec } from '../../support/minimal-spec.js';

const SPEC = minimalSpec('sha256:1', ['echo', 'a b'], {
  env: { A: 'b=c', EMPTY: '' },
  labels: { 'taskcluster.role': 'task' },
  binds: ['cache:/cache'],
  extraHosts: ['localhost.localdomain:127.0.0.1'],
});

describe('the engine’s options for a container', () => {
  it('are exactly those that every task has', () => {
    assert.deepEqual(createOptions(SPEC), {
      Image: 'sha256:1',
      Cmd: ['echo', 'a b'],
      Hostname: '',
      User: '',
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
      OpenStdin: false,
      StdinOnce: false,
      Env: ['A=b=c', 'EMPTY='],
      Labels: { 'taskcluster.role': 'task' },
      HostConfig: {
        ShmSize: 1_800_000_000,
        ExtraHosts: ['localhost.localdomain:127.0.0.1'],
        Privileged: false,
        Binds: ['cache:/cache'],
        Devices: [],
        CapAdd: [],
        SecurityOpt: [],
        LogConfig: { Type: 'none', Config: {} },
      },
    });
  });

  it('omit command and entrypoint if the task uses the image’s own', () => {
    const options = createOptions({ ...SPEC, command: undefined });
    assert.equal('Cmd' in options, false);
    assert.equal('Entrypoint' in options, false);
  });

  it('contain what features request', () => {
    const { Entrypoint, HostConfig, NetworkingConfig } = createOptions({
      ...SPEC,
      entrypoint: ['/wrap', '/entry'],
      devices: [{ pathOnHost: '/dev/video1', pathInContainer: '/dev/video1', permissions: 'rwm' }],
      capAdd: ['SYS_PTRACE'],
      securityOpt: ['seccomp=unconfined'],
      network: { name: 'a-network', address: '172.29.0.14' },
      cpuset: '1',
      privileged: true,
    });
    assert.deepEqual(Entrypoint, ['/wrap', '/entry']);
    assert.deepEqual(HostConfig?.Devices, [
      { PathOnHost: '/dev/video1', PathInContainer: '/dev/video1', CgroupPermissions: 'rwm' },
    ]);
    assert.deepEqual(HostConfig.CapAdd, ['SYS_PTRACE']);
    assert.deepEqual(HostConfig.SecurityOpt, ['seccomp=unconfined']);
    assert.equal(HostConfig.NetworkMode, 'a-network');
    assert.deepEqual(NetworkingConfig, {
      EndpointsConfig: { 'a-network': { IPAMConfig: { IPv4Address: '172.29.0.14' } } },
    });
    assert.equal(HostConfig.CpusetCpus, '1');
    assert.equal(HostConfig.Privileged, true);
  });

  it('state the worker’s limits in the engine’s units', () => {
    const ulimits = [{ name: 'nofile', soft: 1024, hard: 2048 }];
    const { HostConfig } = createOptions({
      ...SPEC,
      limits: { memoryBytes: 1024, memorySwapBytes: 2048, cpus: 1.5, pids: 100, ulimits },
      logDriver: { type: 'local', options: { 'max-size': '20m' } },
    });
    assert.equal(HostConfig?.Memory, 1024);
    assert.equal(HostConfig.MemorySwap, 2048);
    assert.equal(HostConfig.NanoCpus, 1_500_000_000);
    assert.equal(HostConfig.PidsLimit, 100);
    assert.deepEqual(HostConfig.Ulimits, [{ Name: 'nofile', Soft: 1024, Hard: 2048 }]);
    assert.deepEqual(HostConfig.LogConfig, { Type: 'local', Config: { 'max-size': '20m' } });
  });
});

import assert from 'node:assert/strict';
import { assert as forAll, property, uint8Array } from 'fast-check';
import { VERSION_1, VERSION_2, shellRequest } from '../../../../src/lib/features/interactive/shell-protocol.js';

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);

describe('version 1 of the shell protocol', () => {
  it('has a byte for each kind of message', () => {
    assert.deepEqual(VERSION_1.decode(bytes(0, 97)), { kind: 'stdin', data: bytes(97) });
    assert.deepEqual(VERSION_1.decode(bytes(50, 45, 0, 1, 1)), { kind: 'resize', rows: 45, columns: 257 });
    assert.deepEqual(VERSION_1.decode(bytes(100)), { kind: 'resume' });
    assert.deepEqual(VERSION_1.decode(bytes(101)), { kind: 'pause' });
    assert.deepEqual(VERSION_1.decode(bytes(102)), { kind: 'end' });
    assert.deepEqual(VERSION_1.encode({ kind: 'output', from: 'stdout', data: bytes(97) }), bytes(1, 97));
    assert.deepEqual(VERSION_1.encode({ kind: 'output', from: 'stderr', data: bytes(97) }), bytes(2, 97));
    assert.deepEqual(VERSION_1.encode({ kind: 'resume' }), bytes(100));
    assert.deepEqual(VERSION_1.encode({ kind: 'pause' }), bytes(101));
    assert.deepEqual(VERSION_1.encode({ kind: 'stopped', exitCode: 255 }), bytes(200, 255));
    assert.deepEqual(VERSION_1.encode({ kind: 'shutdown' }), bytes(201));
    assert.deepEqual(VERSION_1.encode({ kind: 'error', text: 'é' }), bytes(202, 0xc3, 0xa9));
  });
});

describe('version 2 of the shell protocol', () => {
  it('has input and size in one direction, and only output in the other', () => {
    assert.deepEqual(VERSION_2.decode(bytes(1, 97)), { kind: 'stdin', data: bytes(97) });
    assert.deepEqual(VERSION_2.decode(bytes(2, 45, 0, 1, 1)), { kind: 'resize', rows: 45, columns: 257 });
    assert.deepEqual(VERSION_2.decode(bytes(2, 45, 0, 1)), { kind: 'unknown' });
    assert.deepEqual(VERSION_2.decode(bytes(0, 97)), { kind: 'unknown' });
    assert.deepEqual(VERSION_2.encode({ kind: 'output', from: 'stdout', data: bytes(97) }), bytes(97));
    assert.equal(VERSION_2.encode({ kind: 'stopped', exitCode: 0 }), undefined);
  });
});

describe('messages of either version', () => {
  it('decode without an error for any bytes', () => {
    forAll(
      property(uint8Array({ maxLength: 8 }), (content) => {
        for (const protocol of [VERSION_1, VERSION_2]) assert.ok(protocol.decode(Buffer.from(content)).kind);
      }),
    );
  });
});

describe('the address of a connection', () => {
  const request = (query: string) => {
    const { protocol, ...rest } = shellRequest(new URLSearchParams(query));
    return { version: protocol.version, ...rest };
  };

  it('means version 1 with a command or tty, and version 2 without', () => {
    assert.deepEqual(request(''), { version: 'v2', tty: true, command: [] });
    assert.deepEqual(request('x=y'), { version: 'v2', tty: true, command: [] });
    assert.deepEqual(request('command=a&command=b'), { version: 'v1', tty: false, command: ['a', 'b'] });
    assert.deepEqual(request('tty=True'), { version: 'v1', tty: true, command: [] });
    assert.deepEqual(request('tty=yes&command=a'), { version: 'v1', tty: false, command: ['a'] });
  });
});

import assert from 'node:assert/strict';
import { VERSION_1, VERSION_2 } from '../../../../src/lib/features/interactive/shell-protocol.js';
import { shellWire } from '../../../../src/page/shell/shell-wire.js';

const one = shellWire('1') ?? assert.fail();
const two = shellWire('2') ?? assert.fail();
const WORKER = { 1: VERSION_1, 2: VERSION_2 } as const;

describe('the protocol of a shell', () => {
  it('has the versions that workers speak', () => {
    assert.deepEqual([shellWire('0'), shellWire('3'), shellWire(null)], [undefined, undefined, undefined]);
  });

  for (const wire of [one, two]) {
    const worker = WORKER[wire.version];

    it(`is understood by the worker, in version ${wire.version}`, () => {
      const data = Buffer.from('ls ü\r');
      assert.deepEqual(worker.decode(Buffer.from(wire.input(data))), { kind: 'stdin', data });
      assert.deepEqual(worker.decode(Buffer.from(wire.resize(24, 300))), { kind: 'resize', rows: 24, columns: 300 });
      assert.deepEqual(worker.decode(Buffer.from(wire.resize(1, 99_999))), {
        kind: 'resize',
        rows: 1,
        columns: 65_535,
      });
    });

    it(`understands the worker's output, in version ${wire.version}`, () => {
      const data = Buffer.from([0, 1, 200, 255]);
      const message = worker.encode({ kind: 'output', from: 'stdout', data }) ?? assert.fail();
      const decoded = wire.decode(message);
      assert.ok(decoded.kind === 'output' && Buffer.from(decoded.data).equals(data));
    });
  }

  it('tells of ends and errors in version 1', () => {
    const decode = (message: Parameters<typeof VERSION_1.encode>[0]) =>
      one.decode(VERSION_1.encode(message) ?? assert.fail());
    assert.deepEqual(decode({ kind: 'stopped', exitCode: 7 }), { kind: 'stopped', exitCode: 7 });
    assert.deepEqual(decode({ kind: 'shutdown' }), { kind: 'shutdown' });
    assert.deepEqual(decode({ kind: 'error', text: 'no' }), { kind: 'error', text: 'no' });
    assert.deepEqual(decode({ kind: 'pause' }), { kind: 'pause' });
    assert.deepEqual(decode({ kind: 'resume' }), { kind: 'resume' });
    assert.deepEqual(one.decode(new Uint8Array()), { kind: 'unknown' });
    assert.deepEqual(one.decode(Uint8Array.of(77, 1)), { kind: 'unknown' });
  });

  it('asks for a pause in version 1 alone', () => {
    assert.deepEqual(VERSION_1.decode(Buffer.from(one.flow(true) ?? [])), { kind: 'pause' });
    assert.deepEqual(VERSION_1.decode(Buffer.from(one.flow(false) ?? [])), { kind: 'resume' });
    assert.equal(two.flow(true), undefined);
  });
});

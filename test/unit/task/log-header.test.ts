import assert from 'node:assert/strict';
import { writeHeader } from '../../../src/lib/task-log/header.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { PAYLOAD, WORKER, runContext, taskOf } from './task-fixture.js';

describe('the log header', () => {
  const headerOf = (settings?: string): readonly string[] => {
    const output = new MemoryOutput();
    writeHeader(output, { ...runContext(taskOf(PAYLOAD), output), worker: { ...WORKER, settings } });
    return output.lines;
  };

  it('ends with the pool settings, one log line for each of their lines', () => {
    const lines = headerOf('{\n  "image": "ami-1"\n}');
    const hostname = lines.indexOf('Hostname: host.example.com');
    assert.deepEqual(lines.slice(hostname + 1), [
      'Worker Type (a-provisioner/a-type) settings:',
      '  {',
      '    "image": "ami-1"',
      '  }',
      '\r\n',
    ]);
  });

  it('omits the settings when the pool has none', () => {
    assert.equal(headerOf().join('\n').includes('settings'), false);
  });
});

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { defaultFormat, logOutput } from '../../../src/bin/log-output.js';

describe('the format of the worker log', () => {
  const formatOf = (path: string): string => {
    const descriptor = openSync(path, 'r+');
    try {
      return defaultFormat(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };

  it('is text on a terminal and JSON elsewhere', () => {
    assert.equal(formatOf('/dev/ptmx'), 'text');
    assert.equal(formatOf('/dev/null'), 'json');
  });

  it('passes lines of JSON through', () => {
    const lines: string[] = [];
    const output = { write: (line: string) => lines.push(line) };
    const line = '{"level":"info","time":"2026-11-30T07:00:00.000Z","type":"start","capacity":1}\n';
    logOutput(output, 'json').write(line);
    logOutput(output, 'text').write(line);
    assert.deepEqual(lines, [line, '2026-11-30 07:00:00.000 info  start capacity=1\n']);
  });
});

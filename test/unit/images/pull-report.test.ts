import { strict as assert } from 'node:assert';
import { PullReport } from '../../../src/lib/images/pull-report.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

const MB = 1e6;

describe('the report of a pull', () => {
  let output: MemoryOutput;
  let nowMs: number;
  let report: PullReport;

  beforeEach(() => {
    output = new MemoryOutput();
    nowMs = 0;
    report = new PullReport(output, () => nowMs);
  });

  const downloading = (layer: string, current: number, total: number): void => {
    report.add({ layer, status: 'Downloading', currentBytes: current * MB, totalBytes: total * MB });
  };

  it('reports each status of a layer once, and all lines about no layer', () => {
    report.add({ status: 'Pulling from a/b' });
    report.add({ layer: 'x', status: 'Waiting' });
    for (const done of [1, 2, 3]) downloading('x', done, 4);
    report.add({ layer: 'y', status: 'Already exists' });
    report.add({ layer: 'x', status: 'Download complete' });
    report.add({ status: 'Digest: sha256:1' });
    const lines = ['Pulling from a/b', 'x: Waiting', 'x: Downloading', 'y: Already exists', 'x: Download complete'];
    assert.deepEqual(output.lines, [...lines, 'Digest: sha256:1']);
  });

  it('reports every five seconds how much of all layers has arrived, and the rate', () => {
    downloading('x', 0, 100);
    downloading('y', 0, 60);
    nowMs = 4999;
    downloading('x', 30, 100);
    nowMs = 5000;
    downloading('y', 10, 60);
    nowMs = 9000;
    downloading('y', 20, 60);
    nowMs = 10_000;
    report.add({ layer: 'y', status: 'Download complete' });
    assert.deepEqual(
      output.lines.filter((line) => line.startsWith('Downloaded')),
      ['Downloaded 40.0 of 160.0 MB (25%), 8.0 MB/s.', 'Downloaded 90.0 of 160.0 MB (56%), 9.0 MB/s.'],
    );
  });

  it('counts downloaded bytes once, whatever happens to the layer next', () => {
    downloading('x', 10, 100);
    report.add({ layer: 'x', status: 'Download complete' });
    report.add({ layer: 'x', status: 'Extracting', currentBytes: 5 * MB, totalBytes: 100 * MB });
    report.add({ layer: 'x', status: 'Pull complete' });
    assert.equal(report.downloadedBytes, 100 * MB);
  });

  it('restarts the count of a layer that docker downloads again', () => {
    downloading('x', 50, 100);
    report.add({ layer: 'x', status: 'Retrying in 5 seconds' });
    assert.equal(report.downloadedBytes, 0);
    downloading('x', 20, 100);
    assert.equal(report.downloadedBytes, 20 * MB);
  });
});

import assert from 'node:assert/strict';
import { AlertForwarder } from '../../../src/lib/host/alert-forwarder.js';
import type { ErrorReport } from '../../../src/lib/host/host.js';

describe('AlertForwarder', () => {
  let sent: ErrorReport[];
  let failures: unknown[];
  let now: Date;
  const reportsTo = (reportError?: (report: ErrorReport) => Promise<void>): AlertForwarder =>
    new AlertForwarder(
      reportError ? { reportError } : {},
      (error) => failures.push(error),
      () => now,
    );
  const send = (report: ErrorReport): Promise<void> => {
    sent.push(report);
    return Promise.resolve();
  };

  beforeEach(() => {
    sent = [];
    failures = [];
    now = new Date('2026-11-23T12:00:00Z');
  });

  it('forwards an alert with its message and fields', async () => {
    const reports = reportsTo(send);
    reports.alert('live logs cannot be served', { error: { message: 'ENOENT', stack: '…' }, port: 1 });
    await reports.settle();
    assert.deepEqual(sent, [
      {
        kind: 'docker-worker-alert',
        title: 'live logs cannot be served',
        description: 'live logs cannot be served: ENOENT',
        extra: { port: 1 },
      },
    ]);
  });

  it('forwards the same alert once an hour', () => {
    const reports = reportsTo(send);
    for (const minutes of [0, 1, 59, 60, 61]) {
      now = new Date(Date.UTC(2026, 10, 23, 12, minutes));
      reports.alert('disk full', {});
    }
    reports.alert('something else', {});
    assert.deepEqual(
      sent.map(({ title }) => title),
      ['disk full', 'disk full', 'something else'],
    );
  });

  it('truncates a report to what worker-manager accepts', () => {
    const reports = reportsTo(send);
    reports.alert('x'.repeat(1000), { error: { message: 'y'.repeat(100_000) } });
    assert.deepEqual([sent[0]?.title.length, sent[0]?.description.length], [128, 10_240]);
  });

  it('never fails and does nothing without a receiver', async () => {
    const reports = reportsTo(() => Promise.reject(new Error('nobody there')));
    reports.alert('disk full', {});
    await reports.settle();
    assert.match(String(failures[0]), /nobody there/);
    const mute = reportsTo();
    mute.alert('disk full', {});
    await mute.settle();
    assert.equal(failures.length, 1);
  });
});

import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { keepPage, showPage } from '../../../src/local-run/run-page.js';
import type { RunPage } from '../../../src/local-run/run-page.js';

describe('the page of a run', () => {
  const taskcluster = {
    pageUrl: 'http://127.0.0.1:1/?token=abc',
    newPageUrl: () => 'http://127.0.0.1:1/?token=once',
  };
  const address = 'http://127.0.0.1:1/tasks/x?token=abc';
  const directory = '/page';
  let told: string[];
  const tell = (line: string): void => {
    told.push(line);
  };

  beforeEach(() => {
    told = [];
  });

  const show = async (page: RunPage | undefined): Promise<void> => {
    showPage(page, taskcluster, { path: '/tasks/x', tell });
    await setImmediate();
  };

  it('has its address told, and opened only on request', async () => {
    await show({ directory, isTold: true });
    assert.deepEqual(told, [`The run in a browser: ${address}`]);
  });

  it('is opened with a token that can be used once, and a failure to do so is told', async () => {
    const opened: string[] = [];
    const open = (given: string): Promise<string> => {
      opened.push(given);
      return Promise.resolve('no browser');
    };
    await show({ directory, isTold: true, open });
    assert.deepEqual([opened, told.slice(1)], [[address.replace('abc', 'once')], ['no browser']]);
  });

  it('is not mentioned when nobody would look, or when there is none', async () => {
    await show({ directory, isTold: false });
    await show(undefined);
    showPage({ directory, isTold: true }, { pageUrl: undefined, newPageUrl: () => undefined }, { path: '/', tell });
    assert.deepEqual(told, []);
  });

  it('stays only on request', async () => {
    await keepPage({ directory, isTold: true }, tell);
    assert.deepEqual(told, []);
    const stay = (onWaiting: () => void): Promise<void> => {
      onWaiting();
      return Promise.resolve();
    };
    await keepPage({ directory, isTold: true, stay }, tell);
    assert.deepEqual(told, ['The run is over, and nothing runs any more; its page stays until Ctrl-C.']);
  });
});

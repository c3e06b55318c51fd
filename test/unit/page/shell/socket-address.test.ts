import assert from 'node:assert/strict';
import { checkAddress, withQuery } from '../../../../src/page/shell/socket-address.js';

const check = (text: string | null) => checkAddress(text, 'webSocket', '172.17.0.1');

describe('an address to connect to', () => {
  it('is taken when it is a WebSocket, with what people need to know of it', () => {
    assert.deepEqual(check('ws://127.0.0.1:1234/t/shell.sock#x'), {
      url: 'ws://127.0.0.1:1234/t/shell.sock',
      host: '127.0.0.1:1234',
      isNear: true,
    });
    assert.deepEqual(check('wss://worker.example.com/t'), {
      url: 'wss://worker.example.com/t',
      host: 'worker.example.com',
      isNear: false,
    });
  });

  it('is near on this machine and on that of the page alone', () => {
    const isNear = (text: string) => {
      const checked = check(text);
      return 'isNear' in checked && checked.isNear;
    };
    for (const near of ['ws://localhost:1/', 'ws://[::1]:1/', 'ws://127.1.2.3/', 'ws://172.17.0.1:9/']) {
      assert.equal(isNear(near), true, near);
    }
    for (const far of [
      'ws://127.0.0.1.example.com/',
      'ws://localhost.example.com/',
      'ws://172.17.0.2/',
      'ws://a127.0.0.1/',
    ]) {
      assert.equal(isNear(far), false, far);
    }
  });

  it('is refused otherwise', () => {
    const hostile = [
      'javascript:alert(1)',
      'http://127.0.0.1/',
      'data:,x',
      '//host/',
      'ws:',
      'ws://u:p@127.0.0.1/',
      '',
    ];
    for (const text of [...hostile, null, `ws://127.0.0.1/${'x'.repeat(5000)}`]) {
      assert.ok('refusal' in check(text), String(text));
    }
    assert.ok('refusal' in checkAddress('ws://127.0.0.1/', 'http', '127.0.0.1'));
    assert.ok('url' in checkAddress('http://127.0.0.1/t/displays', 'http', '127.0.0.1'));
  });

  it('takes more parameters', () => {
    const address = withQuery('ws://127.0.0.1/t?a=1', [
      ['display', ':0 & x'],
      ['display', 'y'],
    ]);
    assert.deepEqual(
      [...new URL(address).searchParams],
      [
        ['a', '1'],
        ['display', ':0 & x'],
        ['display', 'y'],
      ],
    );
  });
});

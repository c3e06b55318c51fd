import assert from 'node:assert/strict';
import { html } from '../../../src/lib/util/html.js';

describe('html', () => {
  it('escapes text in content and attributes', () => {
    const hostile = `"><script>alert('1')</script>&amp;`;
    assert.equal(
      html`<a href="${hostile}">${hostile}</a>`.text,
      '<a href="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;">' +
        '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;</a>',
    );
  });

  it('leaves HTML that it has made as it is, also in lists', () => {
    const items = ['<', '>'].map((text) => html`<li>${text}</li>`);
    assert.equal(html`<b>${items}</b>`.text, '<b><li>&lt;</li><li>&gt;</li></b>');
    assert.equal(html`${undefined}${1}`.text, '1');
  });

  it('shows characters that could deceive the reader', () => {
    assert.equal(html`${'a\u202eb\u0000c\u200bd\n\t'}`.text, 'aU+202EbU+0000cU+200Bd\n\t');
  });
});

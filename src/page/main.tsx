import { render } from 'preact';
import { App } from './app.js';
import { listenToKeys } from './keys.js';
import { followLinks } from './router.js';

const root = document.getElementById('page');
if (!root) throw new Error('the document of the page has no place for it');
followLinks();
listenToKeys();
render(<App />, root);

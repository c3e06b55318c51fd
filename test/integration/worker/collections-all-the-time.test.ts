import { testCollectionsAllTheTime } from '../../support/collections-all-the-time.js';

// test/big has a longer run.
testCollectionsAllTheTime(50);

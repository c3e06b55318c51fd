import { testCollectionsAllTheTime } from '../../support/collections-all-the-time.js';

// More of them are in test/big.
testCollectionsAllTheTime(50);

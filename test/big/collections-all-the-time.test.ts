import { testCollectionsAllTheTime } from '../support/collections-all-the-time.js';

testCollectionsAllTheTime(200);

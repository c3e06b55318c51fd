// Loaded into a worker with --import: once the file that the environment variable BLOCK_FILE names is there, blocks the main
// thread for good, in the manner that its text names.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const POLL_MS = 20;

const MANNERS = {
  loop: function poisonedLoop() {
    for (;;);
  },
  regex: function poisonedRegex() {
    /^(a+)+$/.test(`${'a'.repeat(60)}b`);
  },
  json: function poisonedJson() {
    const text = `[${'{"a":[1,2,3,"x"]},'.repeat(20_000_000)}1]`;
    for (;;) JSON.parse(text);
  },
  command: function poisonedCommand() {
    execFileSync('sleep', ['600']);
  },
};

if (isMainThread) {
  setInterval(() => {
    let manner;
    try {
      manner = readFileSync(process.env.BLOCK_FILE, 'utf8');
    } catch {
      return; // Not yet.
    }
    MANNERS[manner]?.();
  }, POLL_MS).unref();
}

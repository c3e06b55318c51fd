/** The exit code for a file, an event or a command line that is wrong. */
export const WRONG_INPUT = 2;

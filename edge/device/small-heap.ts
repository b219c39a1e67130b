import { setFlagsFromString } from 'node:v8';

/**
 * Imported before anything large: V8 lets the space of young objects grow to 48 MB while it loads the program, and never
 * gives it back to a process that is not idle. The agent's own garbage fits into the 2 MB it begins with.
 */
setFlagsFromString('--semi-space-growth-factor=1');

import { setFlagsFromString } from 'node:v8';

/**
 * Imported before anything large: an edge agent shares a small board with others. V8 lets the space of young objects grow
 * to 48 MB while it loads the program, and never gives it back to a process that is not idle; the agent's own garbage
 * fits into the 2 MB it begins with, at any rate that was measured.
 */
if (process.argv[2] === 'edge' && process.argv[3] === 'run') setFlagsFromString('--semi-space-growth-factor=1');

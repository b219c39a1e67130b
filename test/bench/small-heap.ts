import { setFlagsFromString } from 'node:v8';

// As the command does for an edge agent: before anything else is loaded.
setFlagsFromString('--semi-space-growth-factor=1');

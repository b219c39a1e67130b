import { z } from 'zod';

export const lineShape = {
  lineEnd: z.string().min(1).default('\n').describe('What ends a line; blanks and a \\r before it are cut off'),
};

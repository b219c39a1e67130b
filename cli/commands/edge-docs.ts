import type { Command } from 'commander';
import { groupOf } from './group.js';

export function addEdgeDocs(program: Command): void {
  groupOf(program, 'edge', 'the edge agent and its tools')
    .command('docs')
    .description('print every sensor, filter and setting of the agent, as Markdown')
    .addHelpText('after', '\nExample:\n  fieldline edge docs > docs/edge.md')
    .action(async () => {
      const { edgeDocs } = await import('../edge-docs.js');
      process.stdout.write(edgeDocs());
    });
}

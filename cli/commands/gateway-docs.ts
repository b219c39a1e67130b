import type { Command } from 'commander';
import { groupOf } from './group.js';

export function addGatewayDocs(program: Command): void {
  groupOf(program, 'gateway', 'the gateway part')
    .command('docs')
    .description('print every kind of foreign source and its settings, as Markdown')
    .addHelpText('after', '\nExample:\n  fieldline gateway docs > docs/gateway/sources.md')
    .action(async () => {
      const { sourcesDocs } = await import('../sources-docs.js');
      process.stdout.write(sourcesDocs());
    });
}

import { Argument, type Command } from 'commander';
import { fieldlineConfigSchema, loadConfig } from '../config.js';
import { configDocs } from '../config-docs.js';

export function addConfig(program: Command): void {
  const group = program.command('config').description('check a configuration file, or print what it may say');
  group
    .command('check')
    .description('name every fault of a file, with line and path; exit code 2 if there is one')
    .addArgument(new Argument('<file>'))
    .addHelpText('after', '\nExample:\n  fieldline config check fieldline.yaml')
    .action(async (file: string) => {
      await loadConfig(file);
      process.stdout.write(`${file} is fine.\n`);
    });
  group
    .command('docs')
    .description('print every setting, its default and its meaning, as Markdown')
    .addHelpText('after', '\nExample:\n  fieldline config docs > docs/configuration.md')
    .action(() => void process.stdout.write(configDocs(fieldlineConfigSchema)));
}

import { Argument, type Command } from 'commander';
import { addRemoteConfig } from './config-remote.js';

export function addConfig(program: Command): void {
  const group = program
    .command('config')
    .description('check a configuration file, print what it may say, configure devices from afar');
  group
    .command('check')
    .description('name every fault of a file, with line and path; exit code 2 if there is one')
    .addArgument(new Argument('<file>'))
    .addHelpText('after', '\nExample:\n  fieldline config check fieldline.yaml')
    .action(async (file: string) => {
      const { loadConfig } = await import('../config.js');
      await loadConfig(file);
      process.stdout.write(`${file} is fine.\n`);
    });
  group
    .command('docs')
    .description('print every setting, its default and its meaning, as Markdown')
    .addHelpText('after', '\nExample:\n  fieldline config docs > docs/configuration.md')
    .action(async () => {
      const [{ fieldlineConfigSchema }, { configDocs }] = await Promise.all([
        import('../config.js'),
        import('../config-docs.js'),
      ]);
      process.stdout.write(configDocs(fieldlineConfigSchema));
    });
  addRemoteConfig(group);
}

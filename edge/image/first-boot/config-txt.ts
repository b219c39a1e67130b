import type { BootFile, BootPartition } from '../boot-partition.js';
import type { SystemSetup } from './first-boot.js';
import { textOf } from './mount-point.js';

const lineOf: Record<SystemSetup['enable'][number], string> = {
  i2c: 'dtparam=i2c_arm=on',
  spi: 'dtparam=spi=on',
  serial: 'enable_uart=1',
  // After the dtparam lines: those that follow an overlay are tried on it first.
  onewire: 'dtoverlay=w1-gpio',
};

/** `config.txt` with the interfaces on for every board; none if it has them already. */
export function configFiles(setup: SystemSetup, boot: BootPartition): BootFile[] {
  const text = textOf(boot, 'config.txt');
  const { forAll, lastSection } = sectionsOf(text);
  const wanted = (Object.keys(lineOf) as (keyof typeof lineOf)[])
    .filter((name) => setup.enable.includes(name))
    .map((name) => lineOf[name])
    .filter((line) => !forAll.has(line));
  if (wanted.length === 0) return [];
  const newline = text === '' || text.endsWith('\n') ? '' : '\n';
  // A filter such as [pi4] holds until the next one.
  const section = lastSection === 'all' ? [] : ['[all]'];
  return [{ path: 'config.txt', bytes: Buffer.from(`${text}${newline}${[...section, ...wanted].join('\n')}\n`) }];
}

/** The lines that hold for every board, and the filter in force at the end. */
function sectionsOf(text: string): { forAll: ReadonlySet<string>; lastSection: string } {
  const forAll = new Set<string>();
  let lastSection = 'all';
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    const filter = /^\[(.*)\]$/.exec(line)?.[1];
    if (filter !== undefined) lastSection = filter.toLowerCase();
    else if (lastSection === 'all') forAll.add(line);
  }
  return { forAll, lastSection };
}

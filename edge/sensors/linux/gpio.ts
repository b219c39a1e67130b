import { writeFile } from 'node:fs/promises';
import { channelName, type HostTree } from '../host/source.js';
import type { Probe } from './probe.js';

const gpio = 'sys/class/gpio';

export interface GpioLine {
  /** Number of the line: of its chip if one is named, otherwise as the kernel counts. */
  readonly line: number;
  /** Label of the chip, such as `pinctrl-bcm2711`: the kernel's own count may differ at the next version. */
  readonly chip?: string;
  readonly activeLow?: boolean;
}

/** The state of a line, and the number of the line if it was taken from the kernel for it. */
export interface OpenedLine {
  readonly probe: Probe;
  readonly exported?: number;
}

/**
 * https://docs.kernel.org/admin-guide/gpio/sysfs.html. A line that someone has exported keeps its direction; one that
 * nobody has becomes an input. Undefined if there is no such chip or line.
 */
export async function openLine(tree: HostTree, { line, chip, activeLow }: GpioLine): Promise<OpenedLine | undefined> {
  const number = chip === undefined ? line : line + (await baseOf(tree, chip));
  if (!Number.isFinite(number)) return undefined;
  const folder = `${gpio}/gpio${number}`;
  const wasExported = await isThere(tree, folder);
  if (!wasExported) {
    await write(tree, `${gpio}/export`, String(number));
    if (!(await isThere(tree, folder))) return undefined;
    await write(tree, `${folder}/direction`, 'in');
  }
  if (activeLow !== undefined) await write(tree, `${folder}/active_low`, activeLow ? '1' : '0');
  return { probe: lineProbe(tree, folder, chip ?? 'gpio', line), ...(!wasExported && { exported: number }) };
}

/** Gives a line back to the kernel. */
export async function closeLine(tree: HostTree, number: number): Promise<void> {
  await write(tree, `${gpio}/unexport`, String(number));
}

function lineProbe(tree: HostTree, folder: string, chip: string, line: number): Probe {
  return {
    address: `${chip}/${line}`,
    name: channelName('gpio', String(line)),
    quantity: 'state',
    unit: '/',
    labels: { line: String(line) },
    bus: folder,
    sample: async () => {
      const text = await tree.text(folder, 'value');
      if (text !== '0' && text !== '1') throw new Error(`${folder}/value is neither 0 nor 1`);
      return { value: text === '1', timeUs: tree.clock.nowUs(), quality: 'good' };
    },
  };
}

async function baseOf(tree: HostTree, chip: string): Promise<number> {
  const folders = (await tree.list(gpio)).filter((name) => name.startsWith('gpiochip'));
  for (const folder of folders) {
    const label = await tree.text(gpio, folder, 'label').catch(() => undefined);
    if (label === chip) return tree.number(gpio, folder, 'base');
  }
  return NaN;
}

const isThere = async (tree: HostTree, folder: string) => (await tree.list(folder)).length > 0;

/** Throws as the file system does, also where the file does not exist: the kernel's files are not ours to create. */
function write(tree: HostTree, file: string, text: string): Promise<void> {
  return writeFile(tree.path(file), text, { flag: 'r+' });
}

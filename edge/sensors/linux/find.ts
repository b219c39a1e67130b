import { hwmonInputs } from '../host/hwmon.js';
import type { HostTree } from '../host/source.js';
import { thermalInputs } from '../host/thermal.js';
import type { LinuxChannel } from './channels.js';
import { openLine } from './gpio.js';
import { findIio } from './iio.js';
import { findOneWire } from './one-wire.js';
import { inputProbe, nothingIn, type FindProbes, type Probe } from './probe.js';

/** The kinds of which all can be found that is there. */
export const finders = {
  w1: findOneWire,
  iio: findIio,
  hwmon: async (tree) => (await hwmonInputs(tree)).map((input) => inputProbe(tree, input)),
  thermal: async (tree) => (await thermalInputs(tree)).map((input) => inputProbe(tree, input)),
} satisfies Record<string, FindProbes>;

export type FindableKind = keyof typeof finders;
export const findableKinds = Object.keys(finders) as [FindableKind, ...FindableKind[]];

/** Looks each kind up once, however many of its channels are listed. */
export class Finder {
  private readonly found = new Map<FindableKind, Promise<readonly Probe[]>>();

  /** `onExported` is told the numbers of GPIO lines that were taken from the kernel. */
  constructor(
    private readonly tree: HostTree,
    private readonly onExported: (line: number) => void,
  ) {}

  /** All of a kind; none where something is amiss: what does not exist has no channels. */
  all(kind: FindableKind): Promise<readonly Probe[]> {
    const probes = this.found.get(kind) ?? finders[kind](this.tree).catch(() => []);
    this.found.set(kind, probes);
    return probes;
  }

  /** What a listed channel means; undefined if it is not there. */
  async probe(channel: LinuxChannel): Promise<Probe | undefined> {
    if (channel.kind === 'gpio') {
      const opened = await openLine(this.tree, channel).catch(() => undefined);
      if (opened?.exported !== undefined) this.onExported(opened.exported);
      return opened?.probe;
    }
    if (channel.kind === 'file') return fileProbe(this.tree, channel.path);
    return (await this.all(channel.kind)).find(({ address }) => address === channel.address);
  }
}

function fileProbe(tree: HostTree, path: string): Probe {
  const sample = async () => {
    const value = await tree.number(path);
    if (!Number.isFinite(value)) throw nothingIn(path);
    return { value, timeUs: tree.clock.nowUs(), quality: 'good' as const };
  };
  const unused = { name: path, quantity: 'value', unit: '/' as const, labels: {} };
  return { ...unused, address: path, bus: path, sample };
}

import { decoder, type Decode } from './decode.js';
import { tables, type Register, type Table } from './register-map.js';

/** A channel in its place. */
export interface Slot {
  readonly register: Register;
  readonly decode: Decode;
}

/** What one request reads: `count` registers or bits from `address`, and the channels among them by their address. */
export interface Block {
  readonly unitId: number;
  readonly table: Table;
  readonly address: number;
  readonly count: number;
  readonly slots: readonly Slot[];
}

export interface BlockLimits {
  readonly unitId: number;
  /** Registers of one request, at most 125; sixteen times as many bits. */
  readonly maxRegisters: number;
  /** Registers that nobody asked for and that one request may read between two that are wanted. */
  readonly maxGap: number;
}

/** The fewest requests that read all channels within the limits: neighbours are read together. By unit, table and address. */
export function planBlocks(registers: readonly Register[], limits: BlockLimits): Block[] {
  const unitOf = (register: Register) => register.unitId ?? limits.unitId;
  const order = (a: Register, b: Register) =>
    unitOf(a) - unitOf(b) || a.table.localeCompare(b.table) || a.address - b.address || a.count - b.count;
  const groups: Register[][] = [];
  let end = 0;
  for (const register of [...registers].sort(order)) {
    const group = groups.at(-1);
    const first = group?.[0];
    const reach = Math.max(end, register.address + register.count);
    const belongs =
      first !== undefined &&
      unitOf(first) === unitOf(register) &&
      first.table === register.table &&
      register.address - end <= limits.maxGap &&
      reach - first.address <= maxCount(register.table, limits);
    if (belongs) group!.push(register);
    else groups.push([register]);
    end = belongs ? reach : register.address + register.count;
  }
  return groups.map((group) =>
    blockOf(
      unitOf(group[0]!),
      group.map((register) => ({ register, decode: decoder(register) })),
    ),
  );
}

/** The two halves of a block of several channels, parted where most unwanted registers lie between two of them. */
export function halve(block: Block): [Block, Block] {
  const { slots, unitId } = block;
  let at = slots.length >> 1;
  let widest = 0;
  for (let i = 1, end = 0; i < slots.length; i += 1) {
    end = Math.max(end, endOf(slots[i - 1]!));
    const gap = slots[i]!.register.address - end;
    if (gap > widest) [at, widest] = [i, gap];
  }
  return [blockOf(unitId, slots.slice(0, at)), blockOf(unitId, slots.slice(at))];
}

function blockOf(unitId: number, slots: readonly Slot[]): Block {
  const { table, address } = slots[0]!.register;
  return { unitId, table, address, count: Math.max(...slots.map(endOf)) - address, slots };
}

function endOf({ register }: Slot): number {
  return register.address + register.count;
}

function maxCount(table: Table, { maxRegisters }: BlockLimits): number {
  return Math.min(tables[table].maxCount, tables[table].isBits ? maxRegisters * 16 : maxRegisters);
}

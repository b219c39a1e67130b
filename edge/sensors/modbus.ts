import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { describeChannels } from './channel-shape.js';
import { LastKnown } from './last-known.js';
import { BlockReader } from './modbus/block-reader.js';
import { planBlocks, type BlockLimits, type Slot } from './modbus/blocks.js';
import { ModbusException, type ModbusLink, type ModbusRequest, type OpenModbusLink } from './modbus/link.js';
import type { Register } from './modbus/register-map.js';
import { ModbusUnit, type UnitOutcome } from './modbus/unit.js';
import type { Sensor } from './sensor.js';

export interface ModbusSensorOptions extends BlockLimits {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly open: OpenModbusLink;
  readonly registers: readonly Register[];
}

/** One read of all units. */
interface Sweep {
  readonly readings: Reading[];
  /** Channels for which the device answered, be it that there is no value. */
  answered: number;
  /** There is no connection, so no unit needs to be asked any more. */
  isCut: boolean;
  failure: Error | undefined;
}

/**
 * The registers of one Modbus connection, behind which several units may stand. A register that the device refuses, or
 * that says it has no value, makes only its own channel `bad`, and a unit that is silent only its own channels: see LastKnown.
 */
export class ModbusSensor implements Sensor {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  private readonly units: readonly ModbusUnit[];
  private link: ModbusLink | undefined;
  private isRunning = false;
  private readonly last = new LastKnown();
  private readonly refused = new Set<string>();

  constructor(private readonly options: ModbusSensorOptions) {
    this.channels = describeChannels(options.registers);
    const readers = new Map<number, BlockReader[]>();
    for (const block of planBlocks(options.registers, options)) {
      const ofUnit = readers.get(block.unitId) ?? [];
      readers.set(block.unitId, [...ofUnit, new BlockReader(block)]);
    }
    this.units = [...readers.values()].map((ofUnit) => new ModbusUnit(ofUnit));
  }

  /** Connects. Throws RetryableError `unavailable` or `timeout`. */
  async start(): Promise<void> {
    this.isRunning = true;
    for (const unit of this.units) unit.wake();
    await this.connected();
  }

  /** Throws RetryableError when nothing was answered: `refused` if every register was refused. */
  async read(): Promise<Reading[]> {
    const sweep: Sweep = { readings: [], answered: 0, isCut: false, failure: undefined };
    const outcome = this.outcome(sweep);
    const request = (wanted: ModbusRequest) => this.request(wanted, sweep);
    for (const unit of this.units) await unit.read(request, outcome, () => this.options.clock.monotonicMs());
    if (sweep.answered > 0) return sweep.readings;
    const cause = sweep.failure ?? new RetryableError('timeout', 'no unit answers');
    throw cause instanceof RetryableError ? cause : new RetryableError('refused', messageOf(cause), { cause });
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.disconnect();
  }

  private async request(wanted: ModbusRequest, sweep: Sweep): Promise<Buffer> {
    if (sweep.isCut) throw sweep.failure!;
    const { link: before } = this;
    try {
      return await (await this.connectedIn(sweep)).read(wanted);
    } catch (error) {
      // Many devices close a connection that was silent since the last read, and only the next request finds out.
      const isStale = before?.isOpen === false && error instanceof RetryableError && error.code === 'unavailable';
      if (!isStale || sweep.isCut) throw error;
      return (await this.connectedIn(sweep)).read(wanted);
    }
  }

  private async connectedIn(sweep: Sweep): Promise<ModbusLink> {
    return this.connected().catch((error: unknown) => {
      sweep.isCut = true;
      sweep.failure ??= error as Error;
      throw error;
    });
  }

  private outcome(sweep: Sweep): UnitOutcome {
    return {
      onData: ({ slots, address }, data) => this.take(slots, address, data, sweep),
      onRefused: ({ register: { name } }, reason) => {
        sweep.failure ??= reason;
        if (!this.refused.has(name)) {
          this.options.logger.warn({ channel: name, error: reason.message }, 'the register cannot be read');
        }
        this.refused.add(name);
        this.pushBad(name, sweep);
      },
      onSilent: ({ slots }) => {
        // A part of the block may have been read before the silence.
        const done = new Set(sweep.readings.map(({ sensor }) => sensor));
        for (const { register } of slots) if (!done.has(register.name)) this.pushBad(register.name, sweep);
      },
      onFailure: async (error) => {
        sweep.failure ??= error as Error;
        // A late answer must not be taken for that of the next request.
        if (!(error instanceof ModbusException)) await this.disconnect();
        return !sweep.isCut;
      },
    };
  }

  private take(slots: readonly Slot[], address: number, data: Buffer, sweep: Sweep): void {
    const timeUs = this.options.clock.nowUs();
    sweep.answered += slots.length;
    for (const { register, decode } of slots) {
      const { name } = register;
      const got = decode(data, register.address - address);
      if (this.refused.delete(name)) this.options.logger.info({ channel: name }, 'the register can be read again');
      if (got) sweep.readings.push(this.last.reading(name, got.value, timeUs, got.quality));
      else this.pushBad(name, sweep);
    }
  }

  private pushBad(name: string, sweep: Sweep): void {
    const reading = this.last.bad(name, this.options.clock.nowUs());
    if (reading) sweep.readings.push(reading);
  }

  private async connected(): Promise<ModbusLink> {
    if (!this.isRunning) throw new RetryableError('stopped', 'the sensor is stopped');
    if (this.link?.isOpen) return this.link;
    const link = await this.options.open();
    if (!this.isRunning) {
      await link.close();
      throw new RetryableError('stopped', 'the sensor is stopped');
    }
    return (this.link = link);
  }

  private async disconnect(): Promise<void> {
    const { link } = this;
    this.link = undefined;
    await link?.close();
  }
}

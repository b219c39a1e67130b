import { catalogueHash, type Catalogue, type SensorDescription } from '#core/contract/catalogue.js';
import { isName, type DeviceId } from '#core/contract/names.js';
import { describeSensor } from './describe-sensor.js';
import type { ForeignReading } from './foreign.js';

/** A catalogue must fit into one record of the log, beside the birth that holds it. */
const maxCatalogueBytes = 512 * 1024;

/** What all devices of a gateway have used of the memory that there is for what is known of sensors. */
export interface CatalogueRoom {
  bytes: number;
  readonly maxBytes: number;
}

/** A sensor that changes its unit or its labels more often than this has none. */
const maxChanges = 50;
const maxToldLength = 2000;

/** What a message said of the sensor, to see at once that the next says the same. */
type Told = Pick<ForeignReading, 'quantity' | 'unit' | 'labels'>;

class ForeignSensor {
  changes = 0;
  /** The microseconds of receipt from the one to the other are taken. */
  private receiptFromUs = NaN;
  private receiptToUs = NaN;
  /** The message whose stamps are in `firstUs` and `next`. */
  private message = -1;
  private firstUs = 0;
  /** From a stamp that is taken to one that may be free. */
  private next: Map<number, number> | undefined;

  constructor(
    public description: SensorDescription,
    public told: Told | undefined,
  ) {}

  /** `timeUs`, or the first microsecond behind it that no reading of the same message has. */
  unique(timeUs: number, message: number): number {
    if (this.message !== message) {
      this.message = message;
      this.firstUs = timeUs;
      this.next = undefined;
      return timeUs;
    }
    this.next ??= new Map([[this.firstUs, this.firstUs + 1]]);
    let free = timeUs;
    for (let after = this.next.get(free); after !== undefined; after = this.next.get(free)) free = after;
    this.next.set(free, free + 1);
    this.next.set(timeUs, free + 1);
    return free;
  }

  /** The time of receipt, moved if a message before came in the same microsecond. */
  atReceipt(timeUs: number): number {
    if (timeUs >= this.receiptFromUs && timeUs <= this.receiptToUs) return (this.receiptToUs += 1);
    if (timeUs !== this.receiptToUs + 1) this.receiptFromUs = timeUs;
    return (this.receiptToUs = timeUs);
  }
}

/** What the gateway keeps of a device that does not speak our contract: its numbers, and the catalogue of what was seen. */
export class ForeignDevice {
  nextSeq = 0;
  heardMs = 0;
  /** The catalogue that is in the log, or on its way into it by a lane. */
  announced: { readonly hash: string; readonly session: string } | undefined;
  announcing: { readonly hash: string; readonly session: string; readonly lanes: Set<string> } | undefined;
  /** The last number that a heartbeat named. */
  toldSeq = -1;
  private readonly sensors = new Map<string, ForeignSensor>();
  private bytes = 0;
  private current:
    { readonly catalogue: Catalogue; readonly hash: string; readonly units: Map<string, string> } | undefined;
  /** Numbers given out and not yet durable, lowest first. */
  private readonly open = new Set<number>();

  constructor(
    readonly id: DeviceId,
    readonly epoch: string,
    public session: string,
    /** From an earlier run of a gateway. */
    known: Readonly<Record<string, SensorDescription>>,
    private readonly room: CatalogueRoom,
  ) {
    for (const [name, description] of Object.entries(known)) this.put(name, new ForeignSensor(description, undefined));
  }

  /** The sensor, with what the reading tells of it taken over; a reason where there is no room for it. */
  sensor(reading: ForeignReading, maxSensors: number): ForeignSensor | 'schema' | 'sensor-limit' {
    const known = this.sensors.get(reading.sensor);
    if (known) return this.renew(known, reading);
    if (!isName(reading.sensor)) return 'schema';
    if (this.sensors.size >= maxSensors || this.bytes >= maxCatalogueBytes) return 'sensor-limit';
    if (this.room.bytes >= this.room.maxBytes) return 'sensor-limit';
    const sensor = new ForeignSensor(describeSensor(reading), toldOf(reading));
    this.put(reading.sensor, sensor);
    return sensor;
  }

  /** All that was seen. */
  catalogue() {
    if (this.current) return this.current;
    const described = [...this.sensors].map(([name, { description }]) => [name, description] as const);
    const catalogue: Catalogue = { ...this.id, sensors: Object.fromEntries(described) };
    const units = new Map(described.map(([name, { unit }]) => [name, unit]));
    return (this.current = { catalogue, hash: catalogueHash(catalogue), units });
  }

  takeSeq(): number {
    const seq = this.nextSeq;
    this.nextSeq += 1;
    this.open.add(seq);
    return seq;
  }

  stored(seqs: readonly number[]): void {
    for (const seq of seqs) this.open.delete(seq);
  }

  /** The last number up to which all packs are durable. One that is not may never be: the sender sends it to another run. */
  get lastSeq(): number {
    const [lowest] = this.open;
    return (lowest ?? this.nextSeq) - 1;
  }

  get pending(): number {
    return this.open.size;
  }

  /** Gives back the room that its sensors took. */
  forget(): void {
    this.room.bytes -= this.bytes;
    this.bytes = 0;
  }

  private renew(sensor: ForeignSensor, reading: ForeignReading): ForeignSensor | 'schema' {
    const { told } = sensor;
    if (told && told.unit === reading.unit && told.quantity === reading.quantity && told.labels === reading.labels)
      return sensor;
    const description = describeSensor(reading, sensor.description);
    if (sameDescription(description, sensor.description)) {
      sensor.told = toldOf(reading);
      return sensor;
    }
    // A value in another unit is another thing; a label is only a label.
    if (sensor.changes >= maxChanges) return description.unit === sensor.description.unit ? sensor : 'schema';
    sensor.changes += 1;
    sensor.told = toldOf(reading);
    sensor.description = description;
    this.current = undefined;
    return sensor;
  }

  private put(name: string, sensor: ForeignSensor): void {
    this.sensors.set(name, sensor);
    const bytes = name.length + JSON.stringify(sensor.description).length + 8;
    this.bytes += bytes;
    this.room.bytes += bytes;
    this.current = undefined;
  }
}

/** Undefined for one that would take too much room to remember: it is looked at each time. */
function toldOf({ quantity, unit, labels }: ForeignReading): Told | undefined {
  const texts = [quantity, unit, ...Object.entries(labels ?? {}).flat()];
  const length = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  return length > maxToldLength ? undefined : { quantity, unit, labels };
}

function sameDescription(a: SensorDescription, b: SensorDescription): boolean {
  if (a.unit !== b.unit || a.quantity !== b.quantity) return false;
  const names = Object.keys(a.labels);
  return names.length === Object.keys(b.labels).length && names.every((name) => a.labels[name] === b.labels[name]);
}

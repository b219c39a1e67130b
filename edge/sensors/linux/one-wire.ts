import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Quality } from '#core/contract/reading.js';
import { channelName, type HostTree } from '../host/source.js';
import { nothingIn, type FindProbes, type Probe, type Sample } from './probe.js';

const devices = 'sys/bus/w1/devices';

/** DS18S20, DS1822, DS18B20, DS1825, DS28EA00. */
export const thermometer = /^(10|22|28|3b|42)-[0-9a-f]{12}$/;

/** What a DS18B20 says that was switched on and has not measured since: its plug is loose, or it lacks power. */
const powerOnCel = 85;
const [leastCel, greatestCel] = [-55, 125];

/** https://docs.kernel.org/w1/slaves/w1_therm.html */
export const findOneWire: FindProbes = async (tree) => {
  const names = (await tree.list(devices)).filter((name) => thermometer.test(name));
  return Promise.all(names.map((name) => findThermometer(tree, name)));
};

async function findThermometer(tree: HostTree, address: string): Promise<Probe> {
  const folder = `${devices}/${address}`;
  // Behind the link is the bus: …/w1_bus_master1/28-0316a2796c1f.
  const bus = basename(dirname(await realpath(tree.path(folder))));
  // Only this file tells whether the checksum of the answer was right.
  const isOld = (await tree.list(folder)).includes('w1_slave');
  return {
    address,
    name: channelName('w1', address),
    quantity: 'temperature',
    unit: 'Cel',
    labels: { probe: address },
    bus: `1-wire ${bus}`,
    isSlow: true,
    sample: () => (isOld ? sampleText(tree, `${folder}/w1_slave`) : sampleNumber(tree, `${folder}/temperature`)),
  };
}

/**
 *     72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
 *     72 01 4b 46 7f ff 0e 10 57 t=23125
 */
async function sampleText(tree: HostTree, file: string): Promise<Sample> {
  const text = await tree.text(file);
  const timeUs = tree.clock.nowUs();
  const [, milli] = /\bt=(-?\d+)/.exec(text) ?? [];
  if (milli === undefined) throw nothingIn(file);
  // A bus that is shorted says zeros only, with which the checksum agrees.
  const isSound = /\bcrc=[0-9a-f]+ YES\b/.test(text) && !/^(00 )+:/.test(text);
  const value = Number(milli) / 1000;
  return { value, timeUs, quality: isSound ? qualityOf(value) : 'bad' };
}

/** The kernel checked the checksum, and reading fails where it was wrong. */
async function sampleNumber(tree: HostTree, file: string): Promise<Sample> {
  const value = (await tree.number(file)) / 1000;
  if (!Number.isFinite(value)) throw nothingIn(file);
  return { value, timeUs: tree.clock.nowUs(), quality: qualityOf(value) };
}

function qualityOf(cel: number): Quality {
  if (cel === powerOnCel) return 'uncertain';
  return cel >= leastCel && cel <= greatestCel ? 'good' : 'out-of-range';
}

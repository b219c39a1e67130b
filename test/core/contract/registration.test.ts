import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegistrationBook } from '../../../core/contract/registration-book.js';
import { registrationSchema, storedCatalogue, storedName, storedSensors } from '../../../core/contract/registration.js';
import { testCatalogue } from '../../support/packs.js';

const pi = { site: 'plant1', device: 'pi-07' };
const press = { site: 'plant1', device: 'press-07' };
const registration = (namings: object[]) =>
  registrationSchema.parse({ type: 'registration', state: 'adopted', sinceUs: 1, by: 'operator', namings });
const bookOf = (...of: [typeof pi, object[]][]) => {
  const book = new RegistrationBook();
  for (const [device, namings] of of) book.learn(device, Buffer.from(JSON.stringify(registration(namings))));
  return book;
};

describe('a name', () => {
  it('counts from its time on, by the time of the log', () => {
    const names = registration([
      { fromUs: 10, ...pi },
      { fromUs: 20, ...pi, sensors: { t1: 'temp' } },
    ]);
    const at = (timeUs: number) => storedName(press, names, timeUs);
    expect(at(9)).toEqual({ ...press, sensors: {} });
    expect(at(10)).toMatchObject({ ...pi, sensors: {} });
    expect(at(19)).toMatchObject({ ...pi, sensors: {} });
    expect(at(20)).toMatchObject({ ...pi, sensors: { t1: 'temp' } });
    expect(storedName(press, undefined, 20)).toEqual({ ...press, sensors: {} });
  });

  it('that was given last is that under which the hardware speaks', () => {
    const other = { site: 'plant1', device: 'oven-02' };
    const book = bookOf([press, [{ fromUs: 10, ...pi }]], [other, [{ fromUs: 30, ...pi }]]);
    expect(book.spokenOf(pi, 5)).toEqual(pi);
    expect(book.spokenOf(pi, 20)).toEqual(press);
    expect(book.spokenOf(pi, 40)).toEqual(other);
    expect(book.ownerOf(press, 5)).toEqual(press);
    expect(book.ownerOf(press, 40)).toEqual(pi);
    expect(book.namesOf(pi)).toEqual([pi, press, other]);
    book.learn(pi, Buffer.from(JSON.stringify(registration([{ fromUs: 50, ...pi }]))));
    expect(book.spokenOf(pi, 60)).toEqual(pi);
    expect(book.storedAs('plant1/pi-07', 60)).toBeUndefined();
    expect(book.storedAs('plant1/press-07', 60)).toMatchObject(pi);
    expect(book.storedAs('plant1/press-07', 9)).toBeUndefined();
    expect(book.storedAs('plant1/unheard', 60)).toBeUndefined();
  });
});

describe('the names of sensors', () => {
  it('change only where the new one is free', () => {
    const stored = { ...pi, sensors: { t1: 'temp', a: 'b', b: 'a', x: 'same', y: 'same', constructor: 'z' } };
    const catalogue = testCatalogue(['t1', 'temp', 'a', 'b', 'x', 'y']);
    expect(Object.fromEntries(storedSensors(catalogue, stored))).toEqual({ a: 'b', b: 'a', x: 'same' });
    const renamed = storedCatalogue(testCatalogue(['t1', 'other']), stored);
    expect(renamed).toMatchObject(pi);
    expect(Object.keys(renamed.sensors).sort()).toEqual(['other', 'temp']);
  });

  it('never make two sensors one', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1 }), fc.dictionary(name, name), (sensors, renames) => {
        const catalogue = testCatalogue(sensors);
        const stored = storedCatalogue(catalogue, { ...pi, sensors: renames });
        expect(Object.keys(stored.sensors)).toHaveLength(sensors.length);
      }),
    );
  });
});

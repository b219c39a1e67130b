import type { Processing } from '../processing.js';
import type { DriverParts, SensorDriver } from './driver.js';
import { hostDriver } from './host/driver.js';
import { httpDriver } from './http/driver.js';
import { linuxDriver } from './linux/driver.js';
import { modbusRtuDriver, modbusTcpDriver } from './modbus/driver.js';
import { mqttInDriver } from './mqtt-in/driver.js';
import { replayDriver } from './replay/driver.js';
import type { Sensor } from './sensor.js';
import { serialDriver } from './serial/driver.js';

export type { DriverParts } from './driver.js';

/** The drivers by the names that the configuration knows. */
export const sensorDrivers = {
  host: hostDriver,
  http: httpDriver,
  linux: linuxDriver,
  'modbus-rtu': modbusRtuDriver,
  'modbus-tcp': modbusTcpDriver,
  'mqtt-in': mqttInDriver,
  replay: replayDriver,
  serial: serialDriver,
} satisfies Record<string, SensorDriver>;

/** The sensor that an entry of the configuration describes. */
export function createSensor(driver: keyof typeof sensorDrivers, options: object, parts: DriverParts): Sensor {
  const row: SensorDriver = sensorDrivers[driver];
  return row.create(options as never, parts);
}

/** See {@link SensorDriver.processing}. */
export function driverProcessing(driver: keyof typeof sensorDrivers): Processing {
  const row: SensorDriver = sensorDrivers[driver];
  return row.processing ?? {};
}

/** What zigbee2mqtt 2.x says of an Aqara temperature sensor, https://www.zigbee2mqtt.io/devices/WSDCGQ11LM.html */
export const zigbeeClimate = {
  battery: 97,
  humidity: 48.31,
  last_seen: '2026-11-21T14:03:11+01:00',
  linkquality: 134,
  power_outage_count: 12,
  pressure: 1012.4,
  temperature: 21.57,
  voltage: 2995,
};

/** The same device after a restart of zigbee2mqtt, before it has spoken. */
export const zigbeeUnknown = { battery: null, humidity: null, linkquality: 134, pressure: null, temperature: null };

export const zigbeeContact = { battery: 100, contact: false, device_temperature: 25, linkquality: 87, voltage: 3005 };

/** tele/<device>/SENSOR of a Tasmota plug with an energy meter and a DS18B20, https://tasmota.github.io/docs/MQTT/ */
export const tasmotaSensor = {
  Time: '2026-11-21T13:05:00',
  'DS18B20-1': { Id: '01131E2E4A5B', Temperature: 40.2 },
  ENERGY: {
    TotalStartTime: '2026-01-01T00:00:00',
    Total: 211.913,
    Yesterday: 1.204,
    Today: 0.611,
    Period: 5,
    Power: 61,
    ApparentPower: 94,
    ReactivePower: 71,
    Factor: 0.65,
    Voltage: 234,
    Current: 0.401,
  },
  TempUnit: 'C',
};

/** tele/<device>/STATE */
export const tasmotaState = {
  Time: '2026-11-21T13:05:00',
  Uptime: '3T04:12:44',
  Heap: 25,
  SleepMode: 'Dynamic',
  MqttCount: 2,
  POWER: 'ON',
  Wifi: { AP: 1, SSId: 'plant', RSSI: 78, Signal: -61, LinkCount: 1 },
};

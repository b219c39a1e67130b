import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodesOrRefuses, message, receivedUs, spoiled, testSource, told } from './sources.js';

const json = (topic: string, value: unknown) => message(topic, JSON.stringify(value));

describe('zigbee2mqtt', () => {
  const source = () => testSource({ type: 'zigbee2mqtt', site: 'home' });
  const decode = (topic: string, value: unknown, from = source()) => from.decoder.decode(json(topic, value));

  // The examples of its documentation.
  it.each([
    ['WSDCGQ01LM', { temperature: 27.34, humidity: 44.72 }, ['temperature 27.34 Cel', 'humidity 44.72 %RH']],
    ['WXKG01LM', { action: 'single' }, ['action single -']],
    ['RTCGQ01LM', { occupancy: true }, ['occupancy true -']],
    [
      'LED1545G12',
      { state: 'ON', brightness: 215, color_temp: 325 },
      ['state true -', 'brightness 215 -', 'color_temp 325 -'],
    ],
    ['ZNCZ02LM', { power: 10.7, energy: 0.5, battery: 100 }, ['power 10.7 W', 'energy 0.5 kWh', 'battery 100 %EL']],
    ['SJCGQ11LM', { voltage: 3045, water_leak: false }, ['voltage 3045 -', 'water_leak false -']],
  ])('%s', (name, payload, readings) => {
    expect(told(decode(`zigbee2mqtt/${name}`, payload))).toEqual(readings.map((reading) => `home/${name} ${reading}`));
  });

  it('nested values by their path; what is not measured is left out; last_seen is the time', () => {
    const seen = { last_seen: '2026-11-21T12:00:00.000Z', update: { state: 'idle' }, color: { x: 0.3 }, none: null };
    const [batch] = decode('zigbee2mqtt/lamp', seen).batches;
    expect(batch!.readings).toMatchObject([
      { sensor: 'color.x', value: 0.3, timeUs: Date.UTC(2026, 10, 21, 12) * 1000 },
    ]);
    expect(decode('zigbee2mqtt/lamp', { co2: 500 }).batches[0]!.readings).toMatchObject([
      { timeUs: receivedUs, atReceipt: true, unit: 'ppm' },
    ]);
  });

  it('names with slashes and spaces, availability, and what is no reading', () => {
    expect(told(decode('zigbee2mqtt/kitchen/floor_light', { voltage: 3 }))[0]).toMatch(
      /^home\/kitchen-floor_light-\w{6} /,
    );
    const presence = (topic: string, payload: string) => source().decoder.decode(message(topic, payload)).batches[0];
    expect(presence('zigbee2mqtt/a/b/availability', 'offline')).toMatchObject({ presence: 'offline', readings: [] });
    expect(presence('zigbee2mqtt/lamp/availability', '{"state":"online"}')).toMatchObject({ presence: 'online' });
    expect(() => presence('zigbee2mqtt/lamp/availability', '1')).toThrow(expect.objectContaining({ code: 'schema' }));
    for (const topic of ['bridge/state', 'bridge/info', 'lamp/set', 'lamp/set/brightness', 'lamp/get']) {
      expect(decode(`zigbee2mqtt/${topic}`, { a: 1 }).batches).toEqual([]);
    }
    expect(source().decoder.decode(message('zigbee2mqtt/gone', '')).batches).toEqual([]);
  });

  it('units are those that the bridge tells', () => {
    const from = source();
    const exposes = [
      { type: 'numeric', property: 'temperature', unit: '°F' },
      { type: 'composite', property: 'meter', features: [{ property: 'flow', unit: 'l/min' }] },
      { type: 'climate', features: [{ property: 'local_temperature', unit: '°C' }] },
    ];
    decode(
      'zigbee2mqtt/bridge/devices',
      [{ friendly_name: 'stove', definition: { exposes } }, { friendly_name: 'x' }],
      from,
    );
    const payload = { temperature: 68, meter: { flow: 2 }, local_temperature: 21 };
    expect(told(decode('zigbee2mqtt/stove', payload, from))).toEqual([
      'home/stove temperature 20 Cel',
      'home/stove meter.flow 2 l/min',
      'home/stove local_temperature 21 Cel',
    ]);
  });

  it('whatever comes, it reads it or says why not', () => {
    const valid = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
    for (const topic of ['zigbee2mqtt/x', 'zigbee2mqtt/x/availability', 'zigbee2mqtt/bridge/devices']) {
      decodesOrRefuses(source(), topic, fc.oneof(valid, spoiled(valid)));
    }
  });
});

describe('Tasmota', () => {
  const source = (over = {}) => testSource({ type: 'tasmota', site: 'home', ...over });
  const decode = (topic: string, value: unknown, over = {}) => source(over).decoder.decode(json(topic, value));

  it('telemetry of sensors and energy, in the units that it tells', () => {
    const payload = {
      Time: '2026-11-21T12:00:00',
      AM2301: { Temperature: 68, Humidity: 55, DewPoint: 50 },
      BMP280: { Temperature: 68, Pressure: 750 },
      ENERGY: {
        TotalStartTime: '2026-01-01T00:00:00',
        Total: 3.185,
        Power: 12,
        Factor: 0.4,
        Voltage: 229,
        Current: 0.05,
      },
      PressureUnit: 'mmHg',
      TempUnit: 'F',
    };
    expect(told(decode('tele/plug1/SENSOR', payload))).toEqual(
      [
        'AM2301.Temperature 20 Cel',
        'AM2301.Humidity 55 %RH',
        'AM2301.DewPoint 10 Cel',
        'BMP280.Temperature 20 Cel',
        'BMP280.Pressure 999.918 hPa',
        'ENERGY.Total 3.185 kWh',
        'ENERGY.Power 12 W',
        'ENERGY.Factor 0.4 -',
        'ENERGY.Voltage 229 V',
        'ENERGY.Current 0.05 A',
      ].map((reading) => `home/plug1 ${reading}`),
    );
  });

  it('a Time without a zone counts only where it is said to be UTC', () => {
    const timeOf = (told: string, over = {}) =>
      decode('tele/p/SENSOR', { Time: told, X: { Power: 1 } }, over).batches[0]!.readings[0]!.timeUs;
    const noonUs = Date.UTC(2026, 10, 21, 12) * 1000;
    expect(timeOf('2026-11-21T12:00:00')).toBe(receivedUs);
    expect(timeOf('2026-11-21T12:00:00', { time: 'utc' })).toBe(noonUs);
    expect(timeOf('2026-11-21T13:00:00+01:00')).toBe(noonUs);
  });

  it('the state of the device, and whether it is there', () => {
    const state = {
      Time: '2026-11-21T12:00:00',
      Uptime: '0T00:10:11',
      Vcc: 3.4,
      POWER: 'ON',
      Wifi: { SSId: 'x', RSSI: 72 },
    };
    expect(told(decode('tele/p/STATE', state))).toEqual([
      'home/p Vcc 3.4 -',
      'home/p POWER true -',
      'home/p Wifi.RSSI 72 -',
    ]);
    expect(source().decoder.decode(message('tele/p/LWT', 'Offline')).batches).toEqual([
      { device: { site: 'home', device: 'p' }, readings: [], presence: 'offline' },
    ]);
    expect(() => source().decoder.decode(message('tele/p/LWT', 'x'))).toThrow(
      expect.objectContaining({ code: 'schema' }),
    );
    expect(() => decode('tele/p/SENSOR', [1])).toThrow(expect.objectContaining({ code: 'schema' }));
  });

  it('whatever comes, it reads it or says why not', () => {
    const valid = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
    decodesOrRefuses(source(), 'tele/x/SENSOR', fc.oneof(valid, spoiled(valid)));
  });
});

describe('Home Assistant discovery', () => {
  const source = () => testSource({ type: 'home-assistant', topics: ['homeassistant/#', 'home/#'], site: 'home' });
  const after = (...configs: [string, object][]) => {
    const from = source();
    for (const [topic, config] of configs) expect(from.decoder.decode(json(topic, config)).batches).toEqual([]);
    return (topic: string, payload: string) => from.decoder.decode(message(topic, payload));
  };

  it('two sensors with one state topic, as its documentation shows', () => {
    const state = after(
      [
        'homeassistant/sensor/sensorBedroomT/config',
        {
          device_class: 'temperature',
          state_topic: 'homeassistant/sensor/sensorBedroom/state',
          unit_of_measurement: '°C',
          value_template: '{{ value_json.temperature}}',
          unique_id: 'temp01ae',
          device: { identifiers: ['bedroom01ae'], name: 'Bedroom' },
        },
      ],
      [
        'homeassistant/sensor/sensorBedroomH/config',
        {
          dev_cla: 'humidity',
          stat_t: 'homeassistant/sensor/sensorBedroom/state',
          unit_of_meas: '%',
          val_tpl: '{{ value_json.humidity | float | round(1) }}',
          dev: { ids: 'bedroom01ae' },
        },
      ],
    );
    const decoded = state('homeassistant/sensor/sensorBedroom/state', '{"temperature":23.20,"humidity":43.70}');
    expect(told(decoded)).toEqual([
      'home/bedroom01ae sensorBedroomT 23.2 Cel',
      'home/bedroom01ae sensorBedroomH 43.7 %RH',
    ]);
    expect(decoded.batches[0]!.readings[0]).toMatchObject({
      quantity: 'temperature',
      timeUs: receivedUs,
      atReceipt: true,
    });
    expect(told(state('homeassistant/sensor/sensorBedroom/state', '{"humidity":"unknown"}'))).toEqual([]);
  });

  it('a binary sensor, a plain value and the base of topics', () => {
    const state = after(
      ['homeassistant/binary_sensor/garden/config', { '~': 'home/garden', stat_t: '~/state', device_class: 'motion' }],
      ['homeassistant/sensor/node1/rssi/config', { state_topic: 'home/node1/rssi', unit_of_measurement: 'dBm' }],
      [
        'homeassistant/switch/pump/config',
        { state_topic: 'home/pump', pl_on: '1', pl_off: '0', val_tpl: "{{value_json['a'][0]}}" },
      ],
    );
    expect(told(state('home/garden/state', 'ON'))).toEqual(['home/garden garden true -']);
    expect(told(state('home/garden/state', 'OFF'))).toEqual(['home/garden garden false -']);
    expect(told(state('home/node1/rssi', '-60'))).toEqual(['home/node1 rssi -90 dBW']);
    expect(told(state('home/pump', '{"a":[0]}'))).toEqual(['home/pump pump false -']);
  });

  it('a device that tells of all its components at once', () => {
    const config = 'homeassistant/device/0AFFD2/config';
    const state = after([
      config,
      {
        dev: { ids: 'ea334450945afc', name: 'Kitchen' },
        o: { name: 'bla2mqtt' },
        cmps: {
          temp: {
            p: 'sensor',
            device_class: 'temperature',
            unit_of_measurement: '°C',
            val_tpl: '{{ value_json.temperature }}',
          },
          hum: { p: 'sensor', dev_cla: 'humidity', unit_of_meas: '%', val_tpl: '{{ value_json.humidity }}' },
          button: { p: 'device_automation', automation_type: 'trigger' },
        },
        state_topic: 'home/0AFFD2/state',
      },
    ]);
    expect(told(state('home/0AFFD2/state', '{"temperature":21,"humidity":40}'))).toEqual([
      'home/ea334450945afc temp 21 Cel',
      'home/ea334450945afc hum 40 %RH',
    ]);
    state(config, '');
    expect(() => state('home/0AFFD2/state', '{}')).toThrow(expect.objectContaining({ code: 'unknown-metric' }));
  });

  it('what nobody announced is set aside; what was withdrawn, too', () => {
    const config = 'homeassistant/sensor/a/config';
    const state = after([config, { state_topic: 'home/a' }]);
    expect(() => state('home/b', '1')).toThrow(expect.objectContaining({ code: 'unknown-metric' }));
    expect(told(state('home/a', '1'))).toHaveLength(1);
    expect(state(config, '').batches).toEqual([]);
    expect(() => state('home/a', '1')).toThrow(expect.objectContaining({ code: 'unknown-metric' }));
    expect(state('homeassistant/status', 'online').batches).toEqual([]);
    expect(state('homeassistant/light/x/config', '{}').batches).toEqual([]);
  });

  it.each([
    '{{ value_json.a * 2 }}',
    '{{ value_json.a }} W',
    '{% if true %}1{% endif %}',
    '{{ states("x") }}',
    '{{ value_json.a | timestamp_custom }}',
  ])('a template that calculates is not guessed: %s', (value_template) => {
    expect(() => after(['homeassistant/sensor/a/config', { state_topic: 's', value_template }])).toThrow(
      expect.objectContaining({ code: 'schema' }),
    );
  });

  it('whatever comes, it reads it or says why not', () => {
    const from = source();
    const config = fc.record({ stat_t: fc.constant('home/s'), val_tpl: fc.option(fc.string(), { nil: undefined }) });
    const valid = fc.oneof(fc.jsonValue(), config).map((value) => Buffer.from(JSON.stringify(value) ?? ''));
    decodesOrRefuses(from, 'homeassistant/sensor/x/config', fc.oneof(valid, spoiled(valid)));
    from.decoder.decode(json('homeassistant/sensor/y/config', { stat_t: 'home/s', val_tpl: '{{ value_json.a }}' }));
    decodesOrRefuses(from, 'home/s', fc.oneof(valid, spoiled(valid)));
  });
});

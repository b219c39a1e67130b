import { taggedUnion, type Tagged } from '#core/runtime/tagged-union.js';
import type { ForeignSource } from '../topic-router.js';
import { homeAssistantSource } from './json/home-assistant.js';
import { jsonSource } from './json/source.js';
import { tasmotaSource } from './json/tasmota.js';
import { zigbee2mqttSource } from './json/zigbee2mqtt.js';
import { lineProtocolSource } from './line-protocol/source.js';
import { senmlSource } from './senml/source.js';
import { commonShape, type ForeignContext, type ForeignSourceKind } from './source.js';
import { sparkplugSource } from './sparkplug/sparkplug-source.js';

/** What can be a source of foreign messages, by the `type` that the configuration names. */
export const foreignSources = {
  'home-assistant': homeAssistantSource,
  json: jsonSource,
  'line-protocol': lineProtocolSource,
  senml: senmlSource,
  tasmota: tasmotaSource,
  zigbee2mqtt: zigbee2mqttSource,
  sparkplug: sparkplugSource,
} satisfies Record<string, ForeignSourceKind>;

export const sourceSchema = taggedUnion('type', foreignSources, commonShape);
/** One entry of `gateway.sources`. */
export type SourceConfig = Tagged<'type', typeof foreignSources, typeof commonShape>;

/** The source that an entry of the configuration describes. Throws FatalError `bad-config`. */
export function openSource(config: SourceConfig, context: ForeignContext): ForeignSource {
  const kind: ForeignSourceKind = foreignSources[config.type];
  const { type, name = type, topics, writers, unknown } = config;
  return { name, type, topics, writers: new Set(writers), unknown, decoder: kind.open(config as never, context) };
}

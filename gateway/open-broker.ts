import type { DeviceBroker } from './broker/device-broker.js';
import { MqttBroker, type MqttBrokerOptions } from './broker/mqtt-broker.js';
import type { GatewayConfig } from './config.js';
import { ExternalBroker, type ExternalBrokerOptions } from './external/external-broker.js';

type Own = Omit<MqttBrokerOptions, keyof GatewayConfig['mqtt'] | 'limits' | 'routing'>;
type Elsewhere = Omit<ExternalBrokerOptions, 'config' | 'maxPayloadBytes' | 'maxHeldBytes'>;

/** Where devices speak: the gateway's own broker, or the one elsewhere that the configuration names. */
export function openBroker(config: GatewayConfig, options: Own & Elsewhere): DeviceBroker {
  const { external, mqtt, limits, routing, enrolment } = config;
  if (external) return new ExternalBroker({ ...options, ...limits, config: external });
  const tls = mqtt.tls && { ...mqtt.tls, enrolmentCa: enrolment?.caCert };
  return new MqttBroker({ ...options, ...mqtt, tls, limits, routing });
}

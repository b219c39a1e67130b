import { RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { BrokerLink } from './broker-link.js';
import type { ExternalConfig } from './external-config.js';

/** What devices write; see `parseMqttTopic`. */
const ownFilters = ['data', 'alert', 'state', 'result/+'].map((kind) => `fieldline/+/+/${kind}`);
const refusedFrom = 0x80;

/**
 * Asks for what devices and foreign sources write. Throws RetryableError `unauthorised` if the broker gives less: half of
 * the messages would be missing without a word.
 */
export async function subscribe(
  link: BrokerLink,
  { shareGroup }: Pick<ExternalConfig, 'shareGroup'>,
  logger: Logger,
  foreignFilters: readonly string[] = [],
): Promise<void> {
  const { sharedSubscriptionAvailable, maximumQoS = 2 } = link.connack?.properties ?? {};
  const cannotShare = sharedSubscriptionAvailable === false;
  if (cannotShare && shareGroup !== '') {
    logger.warn({ shareGroup }, 'the broker knows no shared subscriptions: every gateway hears every message');
  }
  const prefix = shareGroup === '' || cannotShare ? '' : `$share/${shareGroup}/`;
  const filters = [...ownFilters, ...foreignFilters].map((filter) => `${prefix}${filter}`);
  const granted = await link.subscribe(filters, Math.min(2, maximumQoS) as 0 | 1 | 2);
  const refused = filters.filter((_, i) => granted[i]! >= refusedFrom);
  if (refused.length === 0) return;
  const hint =
    prefix === '' ? '' : '; a broker without shared subscriptions needs an empty gateway.external.shareGroup';
  throw new RetryableError('unauthorised', `the broker refused to deliver ${refused.join(', ')}${hint}`);
}

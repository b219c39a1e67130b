import type { DeviceView } from '../cloud/serve/device-view.js';
import type { ContactView } from '../gateway/contact/contact-door.js';
import { arrivalOf } from '#core/contract/arrival.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { ApiClient } from '#core/runtime/api-client.js';
import { systemClock } from '#core/runtime/clock.js';
import { arrivedInWords } from './arrived-in-words.js';
import { askOperator, type OperatorApi } from './operator.js';

export interface DeviceWaitOptions {
  /** Address of the cloud's API, which knows what is stored; the gateway tells the rest. */
  readonly api: string;
  readonly timeoutMs: number;
  /** Only what comes from now on counts. */
  readonly fresh: boolean;
  /** Hears each change. */
  readonly say: (line: string) => void;
}

/** How far a device has come. `acknowledged`: the log has data of it; `stored`: so has the store. */
export type Stage = 'nothing' | 'trouble' | 'born' | 'acknowledged' | 'parked' | 'stored';

export interface DeviceSeen {
  readonly stage: Stage;
  /** For a person. */
  readonly text: string;
  readonly contact: ContactView;
  readonly stored: Pick<DeviceView, 'received' | 'lastSeq' | 'completeness'> | null;
  /** The newest reading in the store, microseconds since the Unix epoch. */
  readonly newestReadingUs: number | null;
}

const pollMs = 500;
/** What came in is stored within this, unless the cloud lets it wait. */
const parkedAfterUs = 5_000_000;
/** A clock that is off by less is only a slow one. */
const clockOffUs = 120_000_000;

/** Waits for the first data of a device, and says meanwhile what was seen of it last. Resolves at the timeout, too. */
export async function waitForDevice(
  api: OperatorApi,
  device: DeviceId,
  options: DeviceWaitOptions,
): Promise<DeviceSeen> {
  const untilMs = systemClock.monotonicMs() + options.timeoutMs;
  let [sinceUs, said] = [undefined as number | undefined, ''];
  for (;;) {
    const contact = await askOperator<ContactView>(api, 'GET', `/api/v1/devices/${deviceKey(device)}/contact`);
    sinceUs ??= options.fresh ? contact.nowUs : 0;
    const seen = judge(device, contact, await storedOf(options.api, device), sinceUs);
    if (seen.text !== said) options.say((said = seen.text));
    if (seen.stage === 'stored' || systemClock.monotonicMs() >= untilMs) return seen;
    await systemClock.sleep(pollMs);
  }
}

interface Stored {
  readonly device: DeviceView | undefined;
  readonly newestReadingUs: number | null;
}

/** What is to be told of what is known; undefined for `stored` where no cloud answers. */
export function judge(device: DeviceId, contact: ContactView, stored: Stored | undefined, sinceUs: number): DeviceSeen {
  const { received, lastSeq, completeness } = stored?.device ?? { received: null, lastSeq: null, completeness: null };
  const newestReadingUs = stored?.newestReadingUs ?? null;
  const known = { contact, stored: stored?.device ? { received, lastSeq, completeness } : null, newestReadingUs };
  const hasNew = sinceUs === 0 || (contact.arrived?.lastUs ?? 0) > sinceUs;
  const isStored = stored ? (received ?? 0) > 0 : contact.arrived !== null;
  if (hasNew && isStored) {
    const when = newestReadingUs === null ? '' : `, its newest reading is of ${iso(newestReadingUs)}`;
    const { share, onTheWay } = stored?.device ? arrivalOf(stored.device) : { share: null, onTheWay: null };
    const whole = share === null ? '' : `; completeness ${arrivedInWords(share, onTheWay)}`;
    return { ...known, stage: 'stored', text: `${deviceKey(device)} sends data${when}${whole}.` };
  }
  return { ...known, ...untilThen(device, contact, sinceUs) };
}

function untilThen(device: DeviceId, contact: ContactView, sinceUs: number): { stage: Stage; text: string } {
  const { arrived, birth, trouble, connected, nowUs } = contact;
  const name = deviceKey(device);
  if (arrived && arrived.lastUs > sinceUs) {
    if (nowUs - arrived.firstUs < parkedAfterUs)
      return { stage: 'acknowledged', text: `${name}: data came, and is on its way to the store.` };
    const why =
      birth && Math.abs(birth.clockAheadUs) > clockOffUs ? ` Its clock is off by ${hours(birth.clockAheadUs)}.` : '';
    const waits =
      'waits in the cloud: the device does not know the time yet (no network time), or its catalogue has not come';
    return { stage: 'parked', text: `${name}: data came and ${waits}.${why}` };
  }
  const [newest] = trouble;
  if (newest && newest.lastUs > Math.max(sinceUs, birth?.bornUs ?? 0)) {
    const times = newest.times > 1 ? `, ${newest.times} times` : '';
    return {
      stage: 'trouble',
      text: `${name} was refused (${newest.what}) at ${iso(newest.lastUs)}, from ${newest.address}${times}: ${newest.detail}.`,
    };
  }
  if (birth && (sinceUs === 0 || birth.bornUs > sinceUs)) {
    const there = connected ? 'is connected' : 'was connected';
    const next = connected
      ? 'it has sent no data yet: are its sensors configured?'
      : `it was seen last at ${iso(contact.lastSeenUs ?? birth.bornUs)}`;
    return { stage: 'born', text: `${name} ${there} with ${birth.version} since ${iso(birth.bornUs)}; ${next}` };
  }
  return nothing(name, contact, sinceUs);
}

function nothing(
  name: string,
  { strangers, listening, connected, state }: ContactView,
  sinceUs: number,
): { stage: Stage; text: string } {
  if (connected) return { stage: 'born', text: `${name} is connected, and has said nothing yet.` };
  const recent = strangers.filter(({ lastUs }) => lastUs > sinceUs).slice(0, 3);
  if (recent.length > 0) {
    const lines = recent.map(({ address, lastUs, detail }) => `  ${iso(lastUs)} from ${address}: ${detail}`);
    return {
      stage: 'trouble',
      text: [`${name} has not logged in; connections that failed before they said a name:`, ...lines].join('\n'),
    };
  }
  const where = listening.own
    ? `the gateway listens on ${listening.host}:${listening.port}${listening.tls ? ' with TLS' : ''}`
    : `devices speak to the broker at ${listening.host}:${listening.port}, which tells nothing of failed log-ins`;
  const retired = state === 'retired' ? ' It is retired: fieldline device adopt lets it speak again.' : '';
  return {
    stage: 'nothing',
    text: `${name}: nothing was heard yet. Has it power, Wi-Fi and an address (DHCP)? Does it reach the gateway? ${where}.${retired}`,
  };
}

async function storedOf(api: string, device: DeviceId): Promise<Stored | undefined> {
  const client = new ApiClient(api);
  try {
    const { devices } = await client.json<{ devices: DeviceView[] }>('/api/v1/devices', { site: device.site });
    const own = devices.find((one) => one.device === device.device);
    if (!own?.received) return { device: own, newestReadingUs: null };
    const query = { site: device.site, device: device.device };
    const { series } = await client.json<{ series: { last: { timeUs: number } | null }[] }>('/api/v1/series', query);
    const times = series.flatMap(({ last }) => (last ? [last.timeUs] : []));
    return { device: own, newestReadingUs: times.length > 0 ? Math.max(...times) : null };
  } catch {
    // A gateway that runs alone knows nothing of the store.
    return undefined;
  }
}

function iso(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString();
}

function hours(us: number): string {
  const seconds = Math.round(Math.abs(us) / 1e6);
  return seconds < 7200 ? `${seconds} s` : `${Math.round(seconds / 3600)} h`;
}

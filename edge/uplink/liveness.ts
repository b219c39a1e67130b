import { connect } from 'node:net';
import type { Clock } from '#core/runtime/clock.js';

/** What liveness needs of a connection. */
export interface Line {
  readonly unacknowledged: number;
  readonly receivedMs: number;
  readonly sentMs: number;
  ping(): void;
}

export interface LivenessOptions {
  readonly clock: Clock;
  readonly keepaliveSeconds: number;
  /** Longest silence, in milliseconds, while PUBACKs are due. */
  readonly maxSilenceMs: number;
  /** Whether the gateway can be reached at all, by another connection. */
  readonly reach: () => Promise<boolean>;
}

/**
 * Keeps a connection alive and resolves with the reason when it must be given up, or with undefined once `ended`.
 *
 * With nothing due, a gateway that does not answer pings is gone. While PUBACKs are due it is not so simple: a gateway
 * that waits for its log holds them, and may read nothing meanwhile, pings included. Cutting the line would only make
 * it hold the same packs twice. So the line stands as long as the gateway can be reached, up to `maxSilenceMs`.
 */
export async function watchLine(line: Line, ended: AbortSignal, options: LivenessOptions): Promise<string | undefined> {
  const { clock, keepaliveSeconds, maxSilenceMs, reach } = options;
  const keepaliveMs = keepaliveSeconds * 1000;
  for (let unreached = 0; !ended.aborted;) {
    await clock.sleep(keepaliveMs / 2, ended);
    if (ended.aborted) return undefined;
    const nowMs = clock.monotonicMs();
    const silentMs = nowMs - line.receivedMs;
    // [MQTT-3.1.2-23] In the absence of any other packet the client must send a PINGREQ.
    if (nowMs - line.sentMs >= keepaliveMs / 2 || silentMs >= keepaliveMs / 2) line.ping();
    if (silentMs < keepaliveMs * 1.5) unreached = 0;
    else if (line.unacknowledged === 0) return 'the gateway does not answer pings';
    else if (silentMs >= maxSilenceMs) return `no word from the gateway for ${Math.round(silentMs / 1000)} s`;
    // One failed try may be chance.
    else if ((unreached = (await reach()) ? 0 : unreached + 1) >= 2) return 'the gateway cannot be reached any more';
  }
  return undefined;
}

/** Whether a TCP connection to the host of `url` can be made within `timeoutMs`. */
export function reachHost(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(port) || (protocol === 'mqtts:' ? 8883 : 1883) });
    const done = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

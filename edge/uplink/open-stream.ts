import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { RetryableError } from '#core/runtime/errors.js';
import { verifyChain, type TimeKnowledge } from './verify-chain.js';

export interface VerifiedStreamOptions {
  /** `mqtts://host:port`. */
  readonly url: string;
  /** The PEM of the pinned authorities. */
  readonly ca: string | Uint8Array;
  /** What this device shows. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly time: TimeKnowledge;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A TLS connection for a device whose system believes a time at which no certificate is valid. The system's verdict is
 * left aside, and ours takes its place before a byte is sent. Throws RetryableError `unavailable`, or `unauthorised` for
 * a certificate that is to be refused.
 */
export async function openVerifiedStream(options: VerifiedStreamOptions): Promise<TLSSocket> {
  const { url, ca, cert, key, time, timeoutMs, signal } = options;
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const socket = connect({
    host,
    port: Number(port) || 8883,
    ca: Buffer.from(ca),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: false,
    ...(isIP(host) === 0 && { servername: host }),
  });
  // What comes after the handshake is for whoever uses the stream; before it `once` hears it.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'secureConnect', { signal: limit });
    const fault = faultOf(socket, host, ca, time);
    if (fault !== undefined) throw new RetryableError('unauthorised', `${url}: ${fault}`);
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof RetryableError) throw error;
    const reason = limit.aborted ? `no TLS within ${timeoutMs} ms` : (error as Error).message;
    throw new RetryableError('unavailable', `${url}: ${reason}`, { cause: error });
  }
}

function faultOf(socket: TLSSocket, host: string, ca: string | Uint8Array, time: TimeKnowledge): string | undefined {
  const peer = socket.getPeerCertificate(true);
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return 'the gateway showed no certificate';
  return (
    checkServerIdentity(host, peer)?.message ??
    verifyChain({ leaf, sent: certificatesOf(peer), authorities: authoritiesOf(ca), time })
  );
}

/** All that Node holds of the chain, the leaf included. Where it comes from does not matter: it is verified anyway. */
function certificatesOf(peer: DetailedPeerCertificate): X509Certificate[] {
  const found: X509Certificate[] = [];
  const seen = new Set<string>();
  for (let next: DetailedPeerCertificate | undefined = peer; next?.raw; next = next.issuerCertificate) {
    if (seen.has(next.fingerprint256)) break;
    seen.add(next.fingerprint256);
    found.push(new X509Certificate(next.raw));
  }
  return found;
}

/** Every certificate of a PEM file. */
function authoritiesOf(ca: string | Uint8Array): X509Certificate[] {
  const pem = Buffer.from(ca).toString('latin1');
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

import type { X509Certificate } from 'node:crypto';
import { messageOf } from '#core/runtime/errors.js';
import { certificateParts } from './certificate.js';

/** What is known of the time. `exact`: it is `timeUs`; otherwise it is `timeUs` or later. */
export interface TimeKnowledge {
  readonly timeUs: number;
  readonly exact: boolean;
}

export interface ChainToVerify {
  readonly leaf: X509Certificate;
  /** What else the other side sent: nothing of it is believed unless it leads to an authority. */
  readonly sent: readonly X509Certificate[];
  /** The pinned authorities. */
  readonly authorities: readonly X509Certificate[];
  readonly time: TimeKnowledge;
}

const maxLength = 6;
const serverAuthentication = '1.3.6.1.5.5.7.3.1';
const minRsaBits = 2048;
/** SHA-256, 384 and 512 with RSA, PSS and ECDSA; Ed25519, Ed448: SHA-1 and MD5 can be forged. */
const strongSignatures = new Set([
  ...['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13', '1.2.840.113549.1.1.10'],
  ...['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4', '1.3.101.112', '1.3.101.113'],
]);
/** Key usage, alternative names, basic constraints, extended key usage: what is checked here. */
const understood = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.37']);

/**
 * Verifies a server's certificate up to a pinned authority, for a device whose system cannot because it believes that it
 * is 1970 (RFC 5280, section 6, without policies, name constraints and revocation; a certificate that makes one of
 * those critical is refused). The host name is not looked at. Returns why it must be refused, or undefined.
 */
export function verifyChain({ leaf, sent, authorities, time }: ChainToVerify): string | undefined {
  try {
    if (leaf.keyUsage && !leaf.keyUsage.includes(serverAuthentication)) return 'the certificate is not for servers';
    // A certificate that is pinned itself needs nobody above it.
    if (authorities.some((authority) => authority.raw.equals(leaf.raw))) return faultOf([leaf], time);
    return follow([leaf], sent, authorities, time);
  } catch (error) {
    return `the certificate cannot be read: ${messageOf(error)}`;
  }
}

/** Tries every way up; the reason of the last is as good as any. */
function follow(
  chain: readonly X509Certificate[],
  sent: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  time: TimeKnowledge,
): string | undefined {
  const below = chain.at(-1)!;
  let reason = `no pinned authority has signed ${nameOf(below)}`;
  for (const authority of authorities.filter((one) => hasIssued(one, below))) {
    const fault = faultOf([...chain, authority], time);
    if (fault === undefined) return undefined;
    reason = fault;
  }
  if (chain.length >= maxLength) return reason;
  for (const next of sent) {
    if (chain.some((one) => one.raw.equals(next.raw)) || !hasIssued(next, below)) continue;
    const fault = follow([...chain, next], sent, authorities, time);
    if (fault === undefined) return undefined;
    reason = fault;
  }
  return reason;
}

/** By name, key identifier, key usage, and by the signature itself. */
function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** From the leaf to the authority, each signed by the next. */
function faultOf(chain: readonly X509Certificate[], time: TimeKnowledge): string | undefined {
  for (const [above, certificate] of chain.entries()) {
    const { signatureAlgorithm, critical, pathLength } = certificateParts(certificate);
    const isAnchor = above === chain.length - 1;
    const name = nameOf(certificate);
    if (above > 0 && !certificate.ca) return `${name} may not sign certificates`;
    if (above > 0 && pathLength !== undefined && above - 1 > pathLength) return `${name} may not sign so far down`;
    // The authority is believed for what it is; its own signature says nothing.
    if (!isAnchor && !strongSignatures.has(signatureAlgorithm)) return `${name} has a weak signature`;
    if (isWeak(certificate)) return `${name} has a weak key`;
    const strange = critical.find((oid) => !understood.has(oid));
    if (strange !== undefined) return `${name} asks for ${strange}, which is not understood here`;
  }
  return timeFault(chain, time);
}

function isWeak({ publicKey }: X509Certificate): boolean {
  const bits = publicKey.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < minRsaBits;
}

/**
 * Where only the earliest possible time is known, a certificate that begins later may be valid by now, one that ended
 * before is not; and there must be a time at which all are.
 */
function timeFault(chain: readonly X509Certificate[], { timeUs, exact }: TimeKnowledge): string | undefined {
  let from = timeUs / 1000;
  for (const certificate of chain) {
    const [begins, ends] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    if (!(ends >= timeUs / 1000)) return `${nameOf(certificate)} expired at ${certificate.validTo}`;
    if (!(begins <= timeUs / 1000) && (exact || Number.isNaN(begins))) {
      return `${nameOf(certificate)} is not valid before ${certificate.validFrom}`;
    }
    from = Math.max(from, begins);
  }
  const ended = chain.find(({ validTo }) => Date.parse(validTo) < from);
  return ended && `${nameOf(ended)} had expired before another of its chain began`;
}

function nameOf({ subject }: X509Certificate): string {
  return (subject ?? 'a certificate without a name').replaceAll('\n', ', ');
}

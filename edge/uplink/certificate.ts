import type { X509Certificate } from 'node:crypto';
import { children, readDer, text, type Der } from './der.js';

/** What of a certificate Node does not show. Throws RangeError for what is no certificate. */
export interface CertificateParts {
  readonly signatureAlgorithm: string;
  /** Of the extensions that whoever does not understand them must refuse. */
  readonly critical: readonly string[];
  /** How many authorities may stand between this one and the last; undefined: any number. */
  readonly pathLength: number | undefined;
}

const basicConstraints = '2.5.29.19';
/** The tag of the extensions in a certificate: `[3] EXPLICIT`. */
const extensionsTag = 0xa3;
const [booleanTag, integerTag] = [0x01, 0x02];

/** RFC 5280, section 4.1. */
export function certificateParts({ raw }: X509Certificate): CertificateParts {
  const [tbs, algorithm] = children(readDer(raw));
  const holder = children(tbs!).find(({ tag }) => tag === extensionsTag);
  const extensions = holder ? children(children(holder)[0]!).map(extension) : [];
  const constraints = extensions.find(({ oid }) => oid === basicConstraints);
  return {
    signatureAlgorithm: text(children(algorithm!)[0]!),
    critical: extensions.filter(({ isCritical }) => isCritical).map(({ oid }) => oid),
    pathLength: constraints && pathLength(readDer(constraints.value.bytes)),
  };
}

/** SEQUENCE { OID, BOOLEAN DEFAULT FALSE, OCTET STRING } */
function extension(der: Der): { oid: string; isCritical: boolean; value: Der } {
  const parts = children(der);
  const isCritical = parts[1]!.tag === booleanTag && parts[1]!.bytes[0] !== 0;
  return { oid: text(parts[0]!), isCritical, value: parts.at(-1)! };
}

/** SEQUENCE { BOOLEAN DEFAULT FALSE, INTEGER OPTIONAL } */
function pathLength(constraints: Der): number | undefined {
  const length = children(constraints).find(({ tag }) => tag === integerTag);
  return length && length.bytes.reduce((number, byte) => number * 256 + byte, 0);
}

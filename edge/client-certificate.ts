import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { EdgeConfig } from './config.js';

/** What the device shows in the TLS handshake, in PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificate of the device, if it has one; read anew at each call, so that one that was renewed is in use at the next
 * connection. Throws FatalError `bad-config`, now and at each call, if the files are not a certificate and its key.
 */
export function clientCertificate({ certFile, keyFile }: EdgeConfig['gateway']): {
  clientCertificate?: () => ClientCertificate;
} {
  if (certFile === undefined || keyFile === undefined) return {};
  const load = (): ClientCertificate => {
    try {
      const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
      if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key };
    } catch (cause) {
      const files = `edge.gateway.certFile ${certFile} and keyFile ${keyFile}`;
      throw new FatalError('bad-config', `no certificate with its key in ${files}: ${messageOf(cause)}`, { cause });
    }
    throw new FatalError('bad-config', `the key in ${keyFile} is not that of the certificate in ${certFile}`);
  };
  load();
  return { clientCertificate: load };
}

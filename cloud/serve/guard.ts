import type { MiddlewareHandler } from 'hono';
import { ProblemError } from './problem.js';

/** On every answer, whatever it is. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Lets a request pass that names this server and comes from its own pages. A foreign page that has made its name
 * resolve to our address (DNS rebinding) still sends that name as Host, and a cross-site request its Origin.
 */
export function guard(allowedHosts: () => ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    const method = c.req.raw.method;
    if (method !== 'GET' && method !== 'HEAD') {
      throw new ProblemError(405, 'method-not-allowed', `${method} is not answered here.`);
    }
    const allowed = allowedHosts();
    const host = c.req.header('host')?.toLowerCase() ?? '';
    if (!allowed.has(host)) {
      const detail = `${host.slice(0, 100)} is not a name of this server; names are added by http.allowedHosts.`;
      throw new ProblemError(403, 'forbidden-host', detail);
    }
    const origin = c.req.header('origin')?.toLowerCase();
    if (origin !== undefined && !isOwnOrigin(origin, allowed)) {
      throw new ProblemError(403, 'forbidden-origin', `${origin.slice(0, 100)} may not ask this server.`);
    }
    await next();
  };
}

function isOwnOrigin(origin: string, allowed: ReadonlySet<string>): boolean {
  const match = /^https?:\/\/([^/]+)$/.exec(origin);
  return match !== null && allowed.has(match[1]!);
}

/** The Host headers that name a server on `port`: this machine's, the bound address, and the configured ones. */
export function hostNames(host: string, port: number, configured: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const name of ['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host]) {
    names.add(`${name}:${port}`);
    if (port === 80) names.add(name);
  }
  for (const name of configured) {
    names.add(name.toLowerCase());
    // Behind a proxy a browser leaves the default port out, directly it names ours.
    if (!/:\d+$/.test(name)) names.add(`${name.toLowerCase()}:${port}`);
  }
  return names;
}

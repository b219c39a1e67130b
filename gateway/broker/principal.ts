import { deviceKey, isName, type DeviceId } from '#core/contract/names.js';

/** Who speaks on a connection: a device of ours, or a foreign program. */
export type Principal =
  { readonly kind: 'device'; readonly device: DeviceId } | { readonly kind: 'client'; readonly name: string };

/** Its user name: `<site>/<device>`, or the name of a client, which has no slash. Unique over both kinds. */
export function principalKey(principal: Principal): string {
  return principal.kind === 'device' ? deviceKey(principal.device) : principal.name;
}

/** Who has this user name; undefined if nobody can. */
export function principalOf(userName: string | undefined): Principal | undefined {
  const [first, second, ...rest] = (userName ?? '').split('/');
  if (!isName(first) || rest.length > 0) return undefined;
  if (second === undefined) return { kind: 'client', name: first };
  return isName(second) ? { kind: 'device', device: { site: first, device: second } } : undefined;
}

/** The device that speaks; undefined for a client. */
export function deviceOf(principal: Principal): DeviceId | undefined {
  return principal.kind === 'device' ? principal.device : undefined;
}

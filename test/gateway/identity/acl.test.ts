import { describe, expect, it } from 'vitest';
import type { Principal } from '../../../gateway/broker/principal.js';
import { gatewayConfigSchema } from '../../../gateway/config.js';
import { Acl } from '../../../gateway/identity/acl.js';

const press: Principal = { kind: 'device', device: { site: 'plant1', device: 'press-07' } };
const oven: Principal = { kind: 'device', device: { site: 'plant2', device: 'oven-02' } };
const telegraf: Principal = { kind: 'client', name: 'telegraf-1' };
const own = (kind: string) => `fieldline/plant1/press-07/${kind}`;

describe('what principals may do', () => {
  it('a device has its own topics, and a client has none', () => {
    const rights = new Acl().rightsOf(press);
    const upward = ['data', 'alert', 'state', 'result/1'].map(own);
    const downward = ['config', 'command/1', 'command/+', 'command/#'].map(own);
    expect(upward.map((topic) => [rights.mayPublish(topic), rights.maySubscribe(topic)])).toEqual(
      upward.map(() => [true, false]),
    );
    expect(downward.map((topic) => [rights.mayPublish(topic), rights.maySubscribe(topic)])).toEqual(
      downward.map(() => [false, true]),
    );
    const client = new Acl().rightsOf(telegraf);
    expect(
      [...upward, ...downward, 'x', '#'].some((topic) => client.mayPublish(topic) || client.maySubscribe(topic)),
    ).toBe(false);
  });

  it('rules fill in the names, and are for those that they name', () => {
    const acl = new Acl({
      rules: [
        { devices: 'plant1/*', clients: undefined, write: ['raw/{site}/{device}/#'], read: ['hints/{site}/+'] },
        { devices: undefined, clients: 'telegraf-*', write: ['telegraf/{client}/#'], read: [] },
      ],
    });
    const [p, o, t] = [press, oven, telegraf].map((who) => acl.rightsOf(who));
    expect(p!.mayPublish('raw/plant1/press-07/a/b')).toBe(true);
    expect(p!.mayPublish('raw/plant1/other/a')).toBe(false);
    expect(p!.maySubscribe('hints/plant1/a')).toBe(true);
    expect(p!.maySubscribe('hints/plant1/#')).toBe(false);
    expect(p!.maySubscribe('hints/#')).toBe(false);
    expect(o!.mayPublish('raw/plant2/oven-02/a')).toBe(false);
    expect(t!.mayPublish('telegraf/telegraf-1/cpu')).toBe(true);
    expect(t!.mayPublish('telegraf/telegraf-2/cpu')).toBe(false);
    expect(t!.maySubscribe('telegraf/telegraf-1/cpu')).toBe(false);
  });

  it('a source gives its topics to its writers; where names are believed, to all', () => {
    const sources = [{ topics: ['spBv1.0/#'], writers: new Set(['telegraf-1', 'plant2/oven-02']) }];
    const named = new Acl({ sources, mode: 'token' });
    const topic = 'spBv1.0/g/NDATA/n';
    expect([press, oven, telegraf].map((who) => named.rightsOf(who).mayPublish(topic))).toEqual([false, true, true]);
    expect(named.rightsOf(telegraf).maySubscribe('spBv1.0/g/NCMD/n/#')).toBe(true);
    expect(new Acl({ sources, mode: 'none' }).rightsOf(press).mayPublish(topic)).toBe(true);
  });

  it.each(['open' as const, [{ devices: undefined, clients: '*', write: ['#', '+/+/+/+'], read: ['#'] }]])(
    'nobody speaks for a device but the device, whatever the rules (%j)',
    (rules) => {
      const acl = new Acl({ rules });
      expect(acl.rightsOf(telegraf).mayPublish(own('data'))).toBe(false);
      expect(acl.rightsOf(oven).mayPublish(own('data'))).toBe(false);
      expect(acl.rightsOf(press).mayPublish(own('data'))).toBe(true);
      expect(acl.rightsOf(telegraf).mayPublish('anything')).toBe(true);
      expect(acl.rightsOf(telegraf).maySubscribe('anything/#')).toBe(true);
    },
  );
});

describe('the configuration of rules', () => {
  const faults = (acl: unknown) =>
    gatewayConfigSchema.safeParse({ mqtt: { acl } }).error?.issues.map(({ message }) => message) ?? [];

  it('takes rules for devices or for clients, or none', () => {
    expect(gatewayConfigSchema.parse({}).mqtt).toMatchObject({ acl: [], anonymous: false });
    expect(faults('open')).toEqual([]);
    expect(
      faults([
        { clients: 'a-*', write: ['a/{client}/#'] },
        { devices: '*', read: ['b/{site}'] },
      ]),
    ).toEqual([]);
  });

  it.each([
    [[{ write: ['a'] }], /devices or clients/],
    [[{ devices: '*', clients: '*', write: ['a'] }], /devices or clients/],
    [[{ clients: '*', write: ['a/{device}'] }], /\{device\}/],
    [[{ devices: '*', read: ['a/{client}'] }], /\{client\}/],
    [[{ clients: '*', write: ['a/#/b'] }], /not a topic filter/],
    [[{ clients: '*', write: ['fieldline/#'] }], /their own device/],
    [[{ clients: '*', wrte: ['a'] }], /./],
    ['closed', /./],
  ])('refuses %j', (acl, message) => {
    expect(faults(acl).join()).toMatch(message);
  });
});

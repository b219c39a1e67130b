import { expect, onTestFinished, test } from 'vitest';
import { freePorts, PortPool } from './free-port.js';

const taken = async (pool: PortPool, count: number) => {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await pool.take());
  return ports;
};

test('no port is handed out twice, nor by two that do not know of each other', async () => {
  const pools = [new PortPool(), new PortPool()];
  onTestFinished(() => pools.forEach((pool) => pool.close()));
  const all = (await Promise.all([...pools.map((pool) => taken(pool, 120)), freePorts(60)])).flat();
  expect(new Set(all).size).toBe(300);
  expect(Math.min(...all)).toBeGreaterThan(15_000);
  expect(Math.max(...all)).toBeLessThan(32_000);
});

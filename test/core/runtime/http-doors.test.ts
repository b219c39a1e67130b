import { expect, it } from 'vitest';
import { joinDoors } from '../../../core/runtime/http-doors.js';
import type { HttpDoor } from '../../../core/runtime/http-door.js';

const door = (path: string, maxBodyBytes: number): HttpDoor => ({
  opens: (asked) => asked.startsWith(path),
  maxBodyBytes,
  answer: async () => ({ status: 200, body: { path } }),
});
const ask = (doors: HttpDoor, path: string, bytes = 0) =>
  doors.answer({
    method: 'GET',
    url: new URL(path, 'http://localhost'),
    authorization: undefined,
    body: new Uint8Array(bytes),
  });

it('the first door that opens a path answers, within its own limit', async () => {
  const doors = joinDoors(door('/a', 10), door('/b', 20), door('/a/b', 5));
  expect([doors.opens('/a/b'), doors.opens('/b'), doors.opens('/c')]).toEqual([true, true, false]);
  expect(doors.maxBodyBytes).toBe(20);
  expect(await ask(doors, '/a/b', 10)).toEqual({ status: 200, body: { path: '/a' } });
  expect((await ask(doors, '/a', 11)).status).toBe(413);
  expect((await ask(doors, '/b?x=1', 11)).status).toBe(200);
  expect((await ask(doors, '/c')).status).toBe(404);
});

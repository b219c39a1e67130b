import type { HttpDoor } from './http-door.js';

/** Several doors as one: the first that opens answers, each with its own limit of the body. */
export function joinDoors(...doors: readonly HttpDoor[]): HttpDoor {
  return {
    maxBodyBytes: Math.max(0, ...doors.map(({ maxBodyBytes }) => maxBodyBytes)),
    stream: (request, response, url) => doors.some((door) => door.stream?.(request, response, url)),
    opens: (path) => doors.some((door) => door.opens(path)),
    answer: async (request) => {
      const door = doors.find((one) => one.opens(request.url.pathname));
      if (!door) return { status: 404, body: { error: 'nothing is here' } };
      if (request.body.byteLength <= door.maxBodyBytes) return door.answer(request);
      return { status: 413, body: { error: `more than ${door.maxBodyBytes} bytes` } };
    },
  };
}

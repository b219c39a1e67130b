import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { dayUs } from '../../../core/contract/time.js';
import type { Influxdb } from '../../servers/influxdb.js';

/** A real InfluxDB behind a proxy that forgets. */
export interface ForgetfulInflux {
  readonly url: string;
  /** How many lines were acknowledged and forgotten. */
  forgotten(): number;
  stop(): Promise<void>;
}

/**
 * Acknowledges the first lines for each UTC day of each bucket and passes them on to nobody: what InfluxDB does with what
 * comes while it puts a shard to rest, only always.
 */
export async function startForgetful({ url }: Influxdb): Promise<ForgetfulInflux> {
  const known = new Set<string>();
  let forgotten = 0;
  const remembered = (bucket: string | null, body: string): string => {
    const lines = body.split('\n').filter((line) => line !== '');
    const keyOf = (line: string) => `${bucket} ${Math.floor(Number(line.slice(line.lastIndexOf(' ') + 1)) / dayUs)}`;
    const kept = lines.filter((line) => known.has(keyOf(line)));
    for (const line of lines) known.add(keyOf(line));
    forgotten += lines.length - kept.length;
    return kept.join('\n');
  };
  const server = createServer((from, to) => {
    const asked = new URL(from.url!, url);
    if (asked.pathname !== '/api/v2/write') return void from.pipe(passOn(asked, from, to));
    void text(from).then((body) => {
      const kept = remembered(asked.searchParams.get('bucket'), body);
      if (kept === '') return void to.writeHead(204).end();
      passOn(asked, from, to).end(kept);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forgotten: () => forgotten,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function passOn(asked: URL, { method, headers }: IncomingMessage, to: ServerResponse) {
  const { 'content-length': _length, host: _host, ...others } = headers;
  const onward = request(asked, { method, headers: others }, (answer) => {
    to.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(to);
  });
  return onward.on('error', () => to.destroy());
}

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ensureServer } from './ensure.js';
import { freePort } from './free-port.js';
import { openServerFolder } from './run-folder.js';
import { spawnServer } from './spawn-server.js';
import { within } from './wait-for.js';

/** A running mosquitto. */
export interface Mosquitto {
  /** `mqtt://…`; with TLS in its configuration, only the port of it is right. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the broker and deletes its folder. May be called twice. */
  stop(): Promise<void>;
  /** SIGKILL; sessions that mosquitto had not yet saved are lost, as after a power cut. */
  kill9(): Promise<void>;
  /** Starts again with the same port and saved sessions (after SIGTERM if it runs). */
  restart(): Promise<void>;
}

/**
 * Starts mosquitto on loopback and resolves when it answers. `conf` holds further lines of configuration for its one
 * listener, such as `certfile`; `allow_anonymous true` and persistence are on unless it says otherwise. It logs every
 * packet unless `quiet`.
 * Throws `MissingServerError`, or an error with the end of its log.
 */
export async function startMosquitto(conf = '', { quiet = false } = {}): Promise<Mosquitto> {
  const installed = await ensureServer('mosquitto');
  const folder = openServerFolder('mosquitto');
  const port = await freePort();
  const confFile = join(folder.path, 'mosquitto.conf');
  writeFileSync(confFile, configuration(port, folder.path, conf));
  const start = () =>
    spawnServer({
      name: 'mosquitto',
      command: installed.path,
      args: ['-c', confFile, ...(quiet ? [] : ['-v'])],
      env: installed.env,
      folder: folder.path,
      readyWithinMs: 20_000,
      ready: () => answers(port),
    });
  let server = await start().catch((error: unknown) => {
    folder.remove();
    throw error;
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    stop: async () => {
      await server.terminate();
      folder.remove();
    },
    kill9: () => server.kill9(),
    restart: async () => {
      await server.terminate();
      server = await start();
    },
  };
}

function configuration(port: number, folder: string, further: string): string {
  const lines = [`listener ${port} 127.0.0.1`, 'persistence true', `persistence_location ${folder}/`];
  // mosquitto otherwise becomes a user who may not write to this folder.
  if (process.getuid?.() === 0) lines.push('user root');
  if (!/^\s*allow_anonymous\b/m.test(further)) lines.push('allow_anonymous true');
  return [...lines, further, ''].join('\n');
}

/** MQTT 3.1.1 CONNECT with a clean session, no client id and 60 s of keepalive. */
const connectPacket = Buffer.from('100c00044d5154540402003c0000', 'hex');

/** Any answer counts, also a refusal or, where TLS is asked for, the end of the connection. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    const answered = Promise.race([once(socket, 'data'), once(socket, 'end')]);
    socket.write(connectPacket);
    await within('an answer from mosquitto', 2_000, answered);
    return true;
  } finally {
    socket.destroy();
  }
}

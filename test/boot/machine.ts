import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openServerFolder } from '../servers/run-folder.js';
import { type ServerProcess, spawnServer } from '../servers/spawn-server.js';
import { DeadlineError, pause } from '../servers/wait-for.js';
import { ensureProgram, unpackedRoot } from './programs.js';
import { openShell, type Shell } from './shell.js';

/** What a machine is made of. */
export interface MachineSpec {
  readonly name: string;
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's command line. */
  readonly append: string;
  /** Address and port in the guest by port on the loopback of this machine; it reaches nothing else. Absent: no network. */
  readonly forwards?: readonly { readonly guest: string; readonly port: number }[];
  /** Its disk need not survive a crash of this machine. */
  readonly throwAway?: boolean;
  /** The serial console is kept here, one boot after the other. */
  readonly console: string;
}

/** A running machine. */
export interface Machine {
  readonly console: string;
  /** A shell as root, on a wire of its own: no part of what is tested. */
  readonly shell: Shell;
  running(): boolean;
  /** Resolves when the serial console shows this; throws a `DeadlineError` with its end after `withinMs`. */
  shows(what: RegExp, withinMs: number): Promise<RegExpExecArray>;
  /** Resolves when the machine has switched itself off. */
  off(withinMs: number): Promise<void>;
  /** SIGKILL, as a power cut. */
  kill9(): Promise<void>;
}

const memoryMib = 1024;

/** Starts an arm64 machine with the processor of a Pi 4 and resolves when its emulator runs, long before it has booted. */
export async function startMachine(spec: MachineSpec): Promise<Machine> {
  const qemu = await ensureProgram('qemu');
  const socat = await ensureProgram('socat');
  const folder = openServerFolder(`machine-${spec.name}`);
  const wire = join(folder.path, 'shell.sock');
  const from = sizeOf(spec.console);
  const server = await spawnServer({
    name: `qemu-${spec.name}`,
    command: qemu.path,
    args: [
      ...['-L', join(unpackedRoot('qemu', qemu), 'usr/share/qemu')],
      ...['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', String(memoryMib)],
      ...['-accel', 'tcg,thread=multi', '-display', 'none', '-no-reboot', '-nodefaults'],
      ...['-kernel', spec.kernel, '-initrd', spec.initrd, '-append', spec.append],
      ...diskOf(spec),
      ...['-chardev', `file,id=console,path=${spec.console},append=on`, '-serial', 'chardev:console'],
      ...['-chardev', `socket,id=shell,path=${wire},server=on,wait=off`, '-device', 'virtio-serial-pci'],
      ...['-device', 'virtserialport,chardev=shell,name=fieldline.test'],
      ...['-device', 'virtio-rng-pci'],
      ...networkOf(spec, socat.path),
    ],
    // The machine starts socat for each connection that it makes.
    env: { LD_LIBRARY_PATH: [qemu.env.LD_LIBRARY_PATH, socat.env.LD_LIBRARY_PATH].filter(Boolean).join(':') },
    folder: folder.path,
    ready: () => sizeOf(spec.console) > from,
    readyWithinMs: 60_000,
  });
  return control(spec, server, openShell(wire, server), from, () => folder.remove());
}

function control(spec: MachineSpec, server: ServerProcess, shell: Shell, from: number, remove: () => void): Machine {
  const ended = async () => {
    shell.close();
    await server.kill9();
    remove();
  };
  return {
    console: spec.console,
    shell,
    running: () => server.running(),
    shows: (what, withinMs) =>
      until(`${spec.name} shows ${String(what)}`, spec, server, withinMs, () => {
        return what.exec(readFileSync(spec.console, 'utf8').slice(from));
      }),
    off: async (withinMs) => {
      await until(`${spec.name} is off`, spec, server, withinMs, () => !server.running() || undefined);
      await ended();
    },
    kill9: ended,
  };
}

/** A machine that is emulated by two busy cores has its own deadlines, which are not stretched further. */
async function until<T>(
  what: string,
  { console }: MachineSpec,
  server: ServerProcess,
  withinMs: number,
  probe: () => T | null | undefined,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const running = server.running();
    const answer = probe();
    if (answer !== null && answer !== undefined) return answer;
    if (!running) throw new Error(`${what}: it is off\n${endOf(console)}\n${endOf(server.logFile)}`);
    if (performance.now() > deadline) throw new DeadlineError(`${what}: not within ${withinMs} ms\n${endOf(console)}`);
    await pause(250);
  }
}

const endOf = (file: string, lines = 60): string => readFileSync(file, 'utf8').split('\n').slice(-lines).join('\n');

function sizeOf(file: string): number {
  try {
    return readFileSync(file, 'utf8').length;
  } catch {
    return 0;
  }
}

function diskOf({ disk, throwAway }: MachineSpec): string[] {
  const cache = throwAway === true ? 'unsafe' : 'writeback';
  const drive = `if=none,id=card,file=${disk},format=raw,cache=${cache},discard=unmap`;
  return ['-drive', drive, '-device', 'virtio-blk-pci,drive=card'];
}

function networkOf({ forwards }: MachineSpec, socat: string): string[] {
  if (forwards === undefined) return ['-nic', 'none'];
  // `restrict` leaves it a DHCP server and what is forwarded.
  const to = forwards.map(({ guest, port }) => `guestfwd=tcp:${guest}-cmd:${socat} STDIO TCP4:127.0.0.1:${port}`);
  const net = ['user', 'id=net', 'restrict=on', 'ipv6=off', ...to].join(',');
  return ['-netdev', net, '-device', 'virtio-net-pci,netdev=net,romfile='];
}

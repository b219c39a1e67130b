import type { DeviceCommand, DeviceCommandResult } from '#core/contract/device-commands.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { systemClock } from '#core/runtime/clock.js';
import { AnsweredError, askOperator, type OperatorApi } from './operator.js';

/** A command as the gateway tells of it. */
interface CommandView {
  readonly id: string;
  readonly status: 'pending' | 'sent' | 'answered' | 'expired';
  readonly command: DeviceCommand;
  readonly result: DeviceCommandResult | null;
}

export interface CommandOutcome {
  /** For a person. */
  readonly text: string;
  /** False if the device refused it, or said nothing in time. */
  readonly done: boolean;
  readonly result: object;
}

const pollMs = 250;

/** Gives a command, and waits for the answer if told to. Throws an Error that says what to do. */
export async function commandDevice(
  device: DeviceId,
  command: DeviceCommand,
  { waitMs, ...api }: OperatorApi & { readonly waitMs: number | undefined },
): Promise<CommandOutcome> {
  const path = `/api/v1/devices/${deviceKey(device)}/commands`;
  const given = await askOperator<CommandView>(api, 'POST', path, Buffer.from(JSON.stringify(command)));
  if (waitMs === undefined) return { text: `${given.id} was given.`, done: true, result: given };
  const last = (await answered(api, `${path}/${given.id}`, waitMs)) ?? given;
  const { result, status } = last;
  if (result?.ok) return { text: `${given.id}: done${detailOf(result)}`, done: true, result: last };
  const text = result ? `refused: ${result.error}` : `${status}; the device has not answered yet`;
  return { text: `${given.id}: ${text}`, done: false, result: last };
}

export async function listCommands(device: DeviceId, api: OperatorApi): Promise<{ text: string; result: object }> {
  const path = `/api/v1/devices/${deviceKey(device)}/commands`;
  const { commands } = await askOperator<{ commands: CommandView[] }>(api, 'GET', path);
  const lines = commands.map(({ id, status, command, result }) => {
    const said = result === null ? '' : result.ok ? `: done${detailOf(result)}` : `: refused: ${result.error}`;
    return `${id}  ${command.type}  ${status}${said}`;
  });
  return { text: lines.join('\n') || `No commands of ${deviceKey(device)} are known.`, result: commands };
}

/** What the gateway last knew; undefined if it never heard of the command, as another one of several may not at once. */
async function answered(api: OperatorApi, path: string, waitMs: number): Promise<CommandView | undefined> {
  const untilMs = systemClock.monotonicMs() + waitMs;
  for (let last: CommandView | undefined; ;) {
    last = await askOperator<CommandView>(api, 'GET', path).catch((error: unknown) => {
      if (error instanceof AnsweredError && error.status === 404) return last;
      throw error;
    });
    if (last?.status === 'answered' || last?.status === 'expired') return last;
    if (systemClock.monotonicMs() >= untilMs) return last;
    await systemClock.sleep(pollMs);
  }
}

function detailOf({ resent, status }: DeviceCommandResult & { ok: true }): string {
  if (resent !== undefined) return `, ${resent} packs go out again`;
  return status === undefined ? '' : `\n${JSON.stringify(status, undefined, 2)}`;
}

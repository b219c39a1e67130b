import { parseJson } from '#core/contract/alert.js';
import { deviceCommandSchema } from '#core/contract/device-commands.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DeviceDoor, type DeviceRequest } from '../device-door.js';
import { DoorFault, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import { statusOf, type GivenCommand } from './command-book.js';
import type { Commands } from './commands.js';

export interface CommandDoorOptions extends OperatorDoorOptions {
  readonly commands: Commands;
}

/**
 * `POST /api/v1/devices/<site>/<device>/commands` gives a command and answers 202 with its id; `GET` lists those of the
 * device, or tells of one behind its id; `DELETE` of one takes it back. All take the operator's token.
 */
export class CommandDoor extends DeviceDoor {
  readonly maxBodyBytes = 4096;

  constructor(private readonly options: CommandDoorOptions) {
    super(options, 'commands', { hasIds: true });
  }

  protected async replyOf(request: DeviceRequest): Promise<DoorAnswer> {
    const { method, device, id } = request;
    if (id === undefined) {
      if (method === 'GET') return { status: 200, body: { commands: this.options.commands.of(device).map(this.view) } };
      if (method === 'POST') return this.give(request, device);
      throw new DoorFault(405, 'only GET and POST');
    }
    const entry = this.options.commands.get(device, id);
    if (!entry) throw new DoorFault(404, `no command ${id} of ${deviceKey(device)} is known here`);
    if (method === 'GET') return { status: 200, body: this.view(entry) };
    if (method === 'DELETE') return this.withdraw(request, entry);
    throw new DoorFault(405, 'only GET and DELETE');
  }

  private async give(request: OperatorRequest, device: DeviceId): Promise<DoorAnswer> {
    const command = parseJson(request.body, deviceCommandSchema, 'command');
    const note = { what: 'command', target: deviceKey(device), detail: command.type } as const;
    const { clock, commands } = this.options;
    const given = await this.act(request, note, async () => {
      if (command.expiresUs !== undefined && command.expiresUs <= clock.nowUs()) {
        throw new DoorFault(400, 'the command has expired already');
      }
      return commands.give(device, command, 'operator');
    });
    return { status: 202, body: this.view(given) };
  }

  private async withdraw(request: OperatorRequest, { device, id }: GivenCommand): Promise<DoorAnswer> {
    const note = { what: 'command', target: deviceKey(device), detail: `${id} taken back` } as const;
    await this.act(request, note, () => this.options.commands.withdraw(device, id));
    return { status: 200, body: { id } };
  }

  private readonly view = (entry: GivenCommand) => {
    const { id, record, answer } = entry;
    return {
      id,
      command: record.command,
      status: statusOf(entry, this.options.clock.nowUs()),
      by: record.by,
      givenUs: record.givenUs,
      untilUs: record.untilUs,
      sentUs: record.sentUs ?? null,
      answeredUs: answer?.receivedUs ?? null,
      result: answer?.result ?? null,
    };
  };
}

import { parseJson } from '#core/contract/alert.js';
import { maxResultBytes, type CommandAnswer } from '#core/contract/command-record.js';
import { ContractError } from '#core/contract/contract-error.js';
import { deviceCommandResultSchema } from '#core/contract/device-commands.js';
import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { isEpochCommand } from '../epochs/epoch-guard.js';
import type { Decoder } from './decoded.js';

/** What a device says of a command. Of those that the gateway gives by itself, about epochs, nobody keeps the answer. */
export const decodeResult: Decoder = ({ topic, payload, receivedUs }) => {
  if (payload.byteLength > maxResultBytes) {
    throw new ContractError('too-large', `a result of ${payload.byteLength} bytes`);
  }
  const result = parseJson(payload, deviceCommandResultSchema, 'result');
  const answer: CommandAnswer = { type: 'command-result', receivedUs, result };
  const id = topic.id!;
  const value = Buffer.from(JSON.stringify(answer));
  const records = isEpochCommand(id) ? [] : [{ key: deviceEventKey(topic, 'command-result', id), value }];
  return { kind: 'result', topic: logTopics.deviceEvents.name, records, readings: 0 };
};

import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { deadLetter } from '../intake/dead-letter.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';

export interface AsideOptions {
  readonly submit: (message: DeviceMessage, decoded: Decoded) => void;
  readonly refuses: (device: DeviceId) => string | undefined;
}

/**
 * What our own broker refuses by closing the connection, a broker elsewhere has acknowledged to its device already, and
 * nobody else keeps it: it becomes a dead letter.
 */
export class Aside {
  constructor(private readonly options: AsideOptions) {}

  /** Another pack has its number. */
  readonly conflict = (message: DeviceMessage, { readings }: Decoded): void => {
    const letter = deadLetter(message, 'number-conflict', 'another pack has this number in this epoch', readings);
    this.options.submit(message, letter);
  };

  /** Whether the message was of a device that may not speak, and is now set aside. */
  takes(message: DeviceMessage, { readings }: Decoded): boolean {
    const reason = this.options.refuses(message.topic);
    if (reason === undefined) return false;
    const detail = `${deviceKey(message.topic)} may not speak: ${reason}`;
    const letter = deadLetter(message, reason === 'unknown-device' ? reason : 'refused', detail, readings);
    this.options.submit(message, letter);
    return true;
  }
}

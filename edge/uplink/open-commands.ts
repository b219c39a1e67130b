import { join } from 'node:path';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Agent } from '../agent.js';
import type { EdgeStatus } from '../edge-status.js';
import { JsonFile } from '../json-file.js';
import type { Outbox } from '../outbox/outbox.js';
import { CommandJournal, journalSchema } from './command-journal.js';
import { Commands } from './commands.js';

export interface CommandParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly agent: Agent;
  readonly status: () => EdgeStatus;
  readonly isClockKnown: () => boolean;
}

/** Of more sensors the answer would be too long to keep. */
const maxSensors = 200;

/** The commands of a device, with their journal in its folder. */
export function openCommands(folder: string, { agent, status, logger, ...seams }: CommandParts): Commands {
  const journal = new CommandJournal(new JsonFile(join(folder, 'commands.json'), journalSchema, logger));
  const restartSensor = (name: string) => agent.restartSensor(name);
  return new Commands({ ...seams, logger, journal, restartSensor, status: () => brief(status()) });
}

function brief({ agent, outbox, uplink, clock, config }: EdgeStatus): Record<string, unknown> {
  const { sensors, ...rest } = agent;
  const told = sensors.slice(0, maxSensors);
  return {
    agent: { ...rest, sensors: told, otherSensors: sensors.length - told.length },
    outbox,
    uplink,
    clock,
    config,
  };
}

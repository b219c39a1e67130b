import type { Registry } from 'prom-client';
import type { EventLog } from '#core/log/log.js';
import type { OperatorDoorOptions } from '../operator-door.js';
import type { TopicRouter } from '../intake/topic-router.js';
import { DeadLetterDoor } from './dead-letter-door.js';
import { LetterIndex } from './letter-index.js';
import type { ReplayWays } from './replay-plan.js';
import { Replayer } from './replayer.js';

export interface DeadLettersOptions extends OperatorDoorOptions, Omit<ReplayWays, 'sourceOf'> {
  readonly log: Pick<EventLog, 'append' | 'bounds' | 'read'>;
  readonly registry: Registry;
  readonly router: TopicRouter;
}

/** The newest that are listed; older ones are found by their position. */
const listed = 10_000;

/** The operators' door to what was set aside. */
export function openDeadLetters({ router, ...seams }: DeadLettersOptions): DeadLetterDoor {
  const sourceOf: ReplayWays['sourceOf'] = (topic) => {
    const route = router.route(topic);
    return route === 'ours' ? undefined : route;
  };
  const { log } = seams;
  return new DeadLetterDoor({
    ...seams,
    index: new LetterIndex(log, listed),
    replayer: new Replayer({ ...seams, sourceOf }),
  });
}

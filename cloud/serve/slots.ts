import { ProblemError } from './problem.js';

/** How many of one kind of work may run at once; more are refused, never queued. */
export class Slots {
  private used = 0;

  constructor(
    private readonly what: string,
    private readonly max: number,
  ) {}

  get inUse(): number {
    return this.used;
  }

  /** Takes a slot; the returned function gives it back, once. Throws a ProblemError when all are in use. */
  take(): () => void {
    if (this.used >= this.max) {
      throw new ProblemError(503, 'too-many-requests', `${this.max} ${this.what} are served already; try again later.`);
    }
    this.used += 1;
    let held = true;
    return () => {
      if (held) this.used -= 1;
      held = false;
    };
  }
}

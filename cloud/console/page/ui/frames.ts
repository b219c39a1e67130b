/** Draws at most once per animation frame, however often something asks for it. */
export class FrameLoop {
  private readonly jobs = new Set<() => void>();
  private handle = 0;

  /** Runs `job` in the next frame; asking again before then changes nothing. */
  request(job: () => void): void {
    this.jobs.add(job);
    if (this.handle === 0) this.handle = requestAnimationFrame(() => this.run());
  }

  cancel(job: () => void): void {
    this.jobs.delete(job);
  }

  private run(): void {
    this.handle = 0;
    const jobs = [...this.jobs];
    this.jobs.clear();
    for (const job of jobs) job();
  }
}

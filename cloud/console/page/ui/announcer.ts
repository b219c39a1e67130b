/** Speaks to screen readers, by the two live regions of the page: one waits for a pause, the other interrupts. */
export class Announcer {
  constructor(
    private readonly polite: HTMLElement,
    private readonly urgent: HTMLElement,
  ) {}

  say(text: string, urgent = false): void {
    const region = urgent ? this.urgent : this.polite;
    // The same words twice would be no change, and would not be read.
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }
}

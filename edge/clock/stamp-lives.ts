const grainUs = 8;

/**
 * Keeps stamps unique where a clock is set back and lives through the same time again. Stamps fall on every eighth
 * microsecond; in time that has been lived through already, each life has a microsecond of its own beside them. So no
 * stamp comes twice, for up to seven lives of one time, and nothing has to be remembered but the latest. Two stamps of
 * one eighth are one: whoever measures so fast has them told apart by `UniqueStamps`.
 */
export class StampLives {
  private previousUs = -Infinity;
  private latestUs = -Infinity;
  private life = 0;

  place(timeUs: number): number {
    if (timeUs < this.previousUs) this.life = (this.life % (grainUs - 1)) + 1;
    this.previousUs = timeUs;
    const grain = timeUs - (timeUs % grainUs);
    if (grain <= this.latestUs) return grain + this.life;
    this.latestUs = grain;
    return grain;
  }
}

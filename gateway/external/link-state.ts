/** What a session with the broker remembers from one connection to the next. [MQTT-4.1.0-1] */
export class LinkState {
  /** QoS 2 messages that are stored and whose PUBREL has not come: they are not stored again when they come again. */
  readonly received = new Set<number>();
  /** Another object for another session: packet ids mean something within one only. */
  session: object = {};
  private lastId = 0;

  /** The broker has no session of ours: what is remembered belongs to none. */
  forget(): void {
    this.received.clear();
    this.session = {};
  }

  /** A packet id that `isTaken` does not know. */
  nextId(isTaken: (id: number) => boolean): number {
    do this.lastId = this.lastId >= 0xffff ? 1 : this.lastId + 1;
    while (isTaken(this.lastId));
    return this.lastId;
  }
}

/** Something that keeps data on this disk and can give the oldest of it up. */
export interface Shedder {
  readonly name: string;
  /** Bytes on disk now. */
  bytes(): Promise<number>;
  /** Gives up the oldest data that may go, about `wantedBytes` of it; resolves with what went. */
  shed(wantedBytes: number): Promise<{ bytes: number; readings: number }>;
}

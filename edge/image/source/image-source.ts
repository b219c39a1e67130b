/** What a file with an image is packed with; told by its first bytes, never by its name. */
export type ImageFormat = 'img' | 'xz' | 'gz' | 'zip';

/** How far a file has been read: of its bytes as they lie on disk, packed or not. */
export interface ReadProgress {
  readonly readBytes: number;
  readonly totalBytes: number;
}

export interface ReadOptions {
  /** Ends the stream with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}

/**
 * A file that holds the image of a card. Nothing is kept in memory: an image has gigabytes. It may be read several times,
 * also at once. A file that is cut short or damaged ends its stream with RejectedError `corrupt`, which names the file.
 */
export interface ImageSource {
  readonly path: string;
  readonly format: ImageFormat;
  /** As it lies on disk. */
  readonly fileBytes: number;
  /** Of the raw image, where the file tells it before it is unpacked: always for `img` and `zip`, mostly for `xz`, never for `gz`. */
  readonly imageBytes?: number;
  /** Whether a reading of it may stand still half way while others are read. */
  readonly mayRest: boolean;
  /**
   * Unpacks into an open, empty file past this process, where a program of the system does the work; holes for zeros. What it
   * has written so far may be read. Throws what reading does.
   */
  unpackInto?(fd: number, options?: ReadOptions): Promise<void>;
  /** The raw image in chunks, each valid only until the next is asked for. */
  read(options?: ReadOptions): AsyncIterable<Uint8Array>;
}

export interface OpenImageOptions {
  /** Hexadecimal sha256 that the file, as it was downloaded, has to have; it is read once more for that. */
  readonly sha256?: string;
  /** In a zip that holds several images: the name of the wanted one. */
  readonly member?: string;
  /** A raw image that is larger is refused with `too-large`: 256 GiB by default, more than any card of today. */
  readonly maxImageBytes?: number;
  readonly signal?: AbortSignal;
}

/** Throws RejectedError: `refused` (what it is not), `corrupt` (what is damaged), `too-large`. */
export type OpenImage = (path: string, options?: OpenImageOptions) => Promise<ImageSource>;

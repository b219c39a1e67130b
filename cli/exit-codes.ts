/** What an exit code of `fieldline` means. */
export const exitCodes = {
  done: 0,
  /** The work or the check failed. */
  failed: 1,
  /** Bad usage or configuration: nothing was started. */
  usage: 2,
} as const;

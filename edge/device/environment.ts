/** The only place of the agent that reads the environment of its process. */
export const environment = {
  /** What stands before `/opt`, `/etc` and `/var`; empty on a device. */
  root: (): string => process.env['FIELDLINE_ROOT'] ?? '',
} as const;

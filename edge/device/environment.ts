/** The only place of the agent that reads the environment of its process. */
export const environment = {
  /** What stands before `/opt`, `/etc` and `/var`; empty on a device. */
  root: (): string => process.env['FIELDLINE_ROOT'] ?? '',
  /** How systemd wants to be told of the service, and where the program is that tells it. */
  service: () => {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, PATH } = process.env;
    return { NOTIFY_SOCKET, WATCHDOG_USEC, PATH };
  },
} as const;

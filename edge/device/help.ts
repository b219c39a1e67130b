/** What `agent.mjs --help` prints. */
export const helpText = `Usage: agent.mjs <command> [options]

The Fieldline agent of one device: reads its sensors and brings the readings to a gateway.

Commands:
  run            run until SIGTERM or SIGINT
  check-config   check the configuration and the files it names; nothing is started
  apply-release  as root, before the agent starts: unpack a release that was fetched and is signed
  version        print what is installed here

Options:
  --config <file>      configuration, see docs/configuration.md (default: /etc/fieldline/edge.yaml)
  --log-level <level>  debug, info, warn or error (default: info)
  --version <version>  apply-release: the release that is expected
  --json               version: as one JSON value
  -h, --help           print this

Examples:
  agent.mjs check-config --config /etc/fieldline/edge.yaml
  agent.mjs run --config /etc/fieldline/edge.yaml

Exit codes: 0 done, 1 the work failed, 2 bad usage or configuration; apply-release: 1 refused, 75 try again later.`;

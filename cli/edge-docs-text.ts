/** What `docs/edge.md` says around the tables. */
export const edgeDocsText = {
  head: `# The edge agent

One agent is one device: it reads sensors, marks and reduces what they say, keeps it on disk until the gateway has it, and proves
with pack numbers that nothing is missing. This page is made from the schemas: \`fieldline edge docs\`. Settings stand under \`edge\`
in \`fieldline.yaml\`; all others are in [configuration.md](configuration.md).

\`\`\`yaml
edge:
  site: plant1
  device: press-07
  gateway:
    url: mqtts://gateway.plant1.example
    passwordFile: /etc/fieldline/token
  sensors:
    - driver: host
  channels:
    'temp-*':
      filters:
        - filter: hampel
      reduce: { window: 1m }
\`\`\`

Start it with \`fieldline edge run --config fieldline.yaml\`. Its metrics are on \`http://127.0.0.1:8080/metrics\`.`,
  sensors: `## Sensors

Each entry of \`edge.sensors\` is a source with one or more channels; a channel is a series of its own. Each source has its own
schedule, time limit and back-off (0.5 s, doubling, at most 1 min): a dead one costs the others nothing. Every entry may say:`,
  filters: `## Filters

Steps of one channel, in the order in which they stand in \`filters\`. They mark readings with a quality, or change or leave them
out if told to; what is left out is counted by reason. Without \`filters\` there is one: \`hampel\`, which marks spikes.`,
  processing: `## Reducing, alerts, labels

These stand in an entry of \`edge.sensors\`, or in \`edge.channels\` under a glob of channel names; a later glob wins over an
earlier one, and a sensor's own entry over all.`,
  agent: `## Outbox, uplink, packs, clock

Settings of the agent as a whole, under \`edge\`.`,
  files: `## Trying it on a file

\`\`\`
fieldline edge reduce --input in.csv --tolerance 1%     # what a reducer would keep, and its worst error
fieldline edge detect --input in.csv --output out.csv   # the anomaly score of every row
\`\`\``,
} as const;

/** What `docs/gateway/sources.md` says around the tables. */
export const sourcesDocsText = {
  head: `# What else may publish here

Devices and programs that do not speak our contract publish on topics of their own. Each entry of \`gateway.sources\` says on which, who
may, and how what they say is read. This page is made from the schemas: \`fieldline gateway docs\`.

\`\`\`yaml
gateway:
  sources:
    - type: line-protocol
      topics: ['telegraf/#']
      writers: [telegraf-1]
      site: plant1
    - type: zigbee2mqtt
      writers: [zigbee2mqtt]
      site: home
\`\`\`

A writer logs in with its name and its token (see the page about who may speak). Then, with a Telegraf agent:

\`\`\`toml
[[outputs.mqtt]]
  servers = ["tcp://127.0.0.1:1883"]
  protocol = "3.1.1"
  username = "telegraf-1"
  password = "<its token>"
  topic = "telegraf/agent"
  layout = "batch"
  qos = 1
  data_format = "influx"
\`\`\`

or by hand:

\`\`\`
mosquitto_pub -u telegraf-1 -P <its token> -q 1 -t telegraf/x -m 'room,host=pi-4 temp=21.5,co2=412i'
\`\`\`

A topic belongs to the first source that takes it; those below \`fieldline/\` are always those of our own devices. Every source may say:`,
  packs: `## What becomes of a message

- It is acknowledged (QoS 1 and 2) when the log has it, like that of a device of ours. The messages of one sender stay in order.
- Its readings become packs of ours, by device: for each foreign device the gateway draws an epoch when it first hears it, numbers its
  packs from 0, and says every \`gateway.foreign.heartbeatMs\` how many there are. So ledger, completeness, stores and console work as
  for any device; a new run of the gateway is a new epoch.
- The catalogue is what was seen: a new sensor, or another unit, is another catalogue, announced before the pack that needs it. A new
  run goes on with the last one. \`gateway.foreign.maxDevices\` and \`maxSensors\` bound it; a device that was silent for an hour makes room.
- What cannot be read becomes a dead letter with its raw bytes, topic, sender and reason, and is acknowledged: the same bytes would
  never become right. Where a part of a message can be read, that part is taken, and the whole is kept as a dead letter beside it. A
  replay (\`fieldline dead-letters replay\`) adds only what is not there yet.
- With \`unknown: quarantine\` or \`reject\` a device that nobody adopted is announced, so that it is listed and can be adopted; its readings
  are not taken. Those of a retired device never are (\`device-retired\`).
- A name of a device that speaks for itself is not believed (\`own-device\`).
- The retain flag of a publish is passed over: it is taken like any other, and not kept for others. From a broker elsewhere
  (\`gateway.external\`), a retained message counts only if its values have times of their own.

**Counted once.** Two readings of a sensor in one message never share a stamp: the later one moves by a microsecond. A reading with a
time of its own is the same reading however often it comes: stores know it by its series and its time. A reading without one has the
time of its receipt, and there a repetition is known only on the connection on which the first came (DUP, same packet id, same bytes).
What remains: a sender without times of its own that sends again on a *new* connection, because the acknowledgement was lost with the
old one, is heard twice. Let it tell a time where that matters.

## The kinds of sources`,
  names: `## Names and units

A name here has 1 to 64 of \`A-Z a-z 0-9 _ . : -\` and begins with a letter or digit. Another name gets \`-\` for what it may not hold and
six digits of its SHA-256, so that no two things share a name: \`living room\` is \`living-room-4c1666\`. (Sparkplug has a way of its own,
see [sparkplug.md](sparkplug.md).)

Units are those of SenML. What home automation writes otherwise is converted (\`°F\` to \`Cel\`, \`mbar\`, \`kPa\` and \`mmHg\` to \`hPa\`, \`%\` to \`%RH\`,
\`%EL\` or \`/100\` by what is measured). What nobody knows stays as it is, with \`/\` as unit and its own in the label \`unit\`.`,
} as const;

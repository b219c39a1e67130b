import { isIP } from 'node:net';
import type { SystemSetup } from './first-boot.js';
import { connectionFiles, layConnection, radioLines } from './network-manager.js';
import { shellWord } from './quote.js';
import { userGroups } from './user-groups.js';

const head = `#!/bin/sh
# Written by fieldline flash. Runs once, as root, in place of the first boot. Whatever fails, the system starts.
boot=$(cd "$(dirname "$0")" && pwd)
root=\${FIELDLINE_ROOT:-}

say() {
  echo "fieldline: $*"
  echo "firstrun: $*" >>"$boot/fieldline/install.log"
}
`;

// A file that is running must not be read on once it is gone: everything is in one function that does not return.
const tail = `
finish() {
  # Only our words go: the first boot itself may have changed the others.
  sed -i 's/ systemd\\.run=[^ ]*//; s/ systemd\\.run_success_action=[^ ]*//; s/ systemd\\.unit=kernel-command-line\\.target//' \\
    "$boot/cmdline.txt"
  sync
  # It holds what opens the Wi-Fi.
  dd if=/dev/zero of="$0" bs="$(wc -c <"$0")" count=1 conv=notrunc 2>/dev/null
  sync
  rm -f "$0"
  sync
  exit 0
}
`;

/** A function of the script. */
type Step = readonly [name: string, lines: readonly string[]];

/** The script that sets the system up, installs the agent and removes itself. POSIX sh; the setup has been checked. */
export function firstrunScript(setup: SystemSetup): string {
  const { user, timezone, wifi, network, sshKeys } = setup;
  const steps: Step[] = [['set_hostname', hostnameLines(setup)]];
  if (timezone !== undefined) steps.push(['set_timezone', timezoneLines(timezone)]);
  if (user !== undefined) steps.push(['set_user', userLines(user)]);
  if (sshKeys.length > 0) steps.push(['set_keys', keyLines(setup)]);
  if (user !== undefined || sshKeys.length > 0) steps.push(['enable_ssh', sshLines]);
  if (wifi !== undefined || network !== undefined) steps.push(...networkSteps(setup));
  if (wifi !== undefined) steps.push(['allow_wifi', radioLines]);
  // The system starts anew right after this: the service starts then.
  steps.push(['install_agent', ['sh "$boot/fieldline/install.sh" --no-start']]);
  const functions = steps.map(([name, lines]) => `${name}() {\n${indented(lines)}\n}\n`).join('\n');
  const calls = steps.map(([name]) => `  ${name} || say "${name} failed"`).join('\n');
  return `${head}\n${functions}${tail}\nmain() {\n${calls}\n  finish\n}\n\nmain\n`;
}

/** What stands between two END lines is taken as it is. */
function indented(lines: readonly string[]): string {
  let verbatim = false;
  return lines
    .map((line) => {
      const text = verbatim || line === '' ? line : `  ${line}`;
      if (line.endsWith("<<'END'")) verbatim = true;
      else if (line === 'END') verbatim = false;
      return text;
    })
    .join('\n');
}

function hostnameLines({ hostname }: SystemSetup): string[] {
  return [
    `echo ${hostname} >"$root/etc/hostname"`,
    'if grep -q "^127\\.0\\.1\\.1" "$root/etc/hosts"; then',
    `  sed -i "s/^127\\.0\\.1\\.1.*/127.0.1.1 ${hostname}/" "$root/etc/hosts"`,
    'else',
    `  echo "127.0.1.1 ${hostname}" >>"$root/etc/hosts"`,
    'fi',
  ];
}

function timezoneLines(timezone: string): string[] {
  return [
    `[ -e "$root/usr/share/zoneinfo/${timezone}" ] || return 1`,
    `ln -sf "/usr/share/zoneinfo/${timezone}" "$root/etc/localtime"`,
    `echo ${timezone} >"$root/etc/timezone"`,
  ];
}

function userLines({ name, passwordHash }: NonNullable<SystemSetup['user']>): string[] {
  const groups = `for group in ${userGroups.join(' ')}; do`;
  return [
    // Renames the user that the image brings, and ends its asking for one at the screen.
    'if [ -x "$root/usr/lib/userconf-pi/userconf" ]; then',
    `  "$root/usr/lib/userconf-pi/userconf" ${name} ${shellWord(passwordHash ?? '')}`,
    `elif ! id ${name} >/dev/null 2>&1; then`,
    `  useradd --create-home --shell /bin/bash ${name} || return 1`,
    'fi',
    groups,
    `  if getent group "$group" >/dev/null; then usermod -aG "$group" ${name}; fi`,
    'done',
    passwordHash === undefined
      ? `echo '${name} ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/010_fieldline" && chmod 440 "$root/etc/sudoers.d/010_fieldline"`
      : `echo ${shellWord(`${name}:${passwordHash}`)} | chpasswd -e`,
  ];
}

function keyLines({ user, sshKeys }: SystemSetup): string[] {
  return [
    `user=${user?.name ?? '$(getent passwd 1000 | cut -d: -f1)'}`,
    'home=$(getent passwd "$user" | cut -d: -f6)',
    'group=$(id -g "$user")',
    '[ -n "$home" ] || return 1',
    'install -d -m 700 -o "$user" -g "$group" "$root$home/.ssh" || return 1',
    `cat >"$root$home/.ssh/authorized_keys" <<'END'`,
    ...sshKeys,
    'END',
    'chown "$user:$group" "$root$home/.ssh/authorized_keys"',
    'chmod 600 "$root$home/.ssh/authorized_keys"',
  ];
}

const sshLines = ['systemctl enable ssh || systemctl enable sshd'];

/** Each does nothing where the other is right. */
function networkSteps(setup: SystemSetup): Step[] {
  const has = '[ -d "$root/etc/NetworkManager" ]';
  const connections = connectionFiles(setup).flatMap(layConnection);
  return [
    ['set_network', [`${has} || return 0`, 'mkdir -p "$root/etc/NetworkManager/system-connections"', ...connections]],
    ['set_old_network', [`${has} && return 0`, ...supplicantLines(setup.wifi), ...dhcpcdLines(setup)]],
  ];
}

/** Up to Bullseye: wpa_supplicant reads an SSID without quotes as hex. */
function supplicantLines(wifi: SystemSetup['wifi']): string[] {
  if (wifi === undefined) return [];
  return [
    'rm -f "$root/etc/wpa_supplicant/wpa_supplicant.conf"',
    `(umask 077 && cat >"$root/etc/wpa_supplicant/wpa_supplicant.conf") <<'END'`,
    `country=${wifi.country}`,
    'ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev',
    'update_config=1',
    'network={',
    ...(wifi.hidden ? ['\tscan_ssid=1'] : []),
    `\tssid=${Buffer.from(wifi.ssid).toString('hex')}`,
    `\tpsk=${wifi.psk}`,
    '}',
    'END',
  ];
}

function dhcpcdLines({ wifi, network }: SystemSetup): string[] {
  if (network === undefined) return [];
  const six = isIP(network.gateway) === 6 ? '6' : '';
  return [
    `sed -i '/^# fieldline$/,$d' "$root/etc/dhcpcd.conf"`,
    `cat >>"$root/etc/dhcpcd.conf" <<'END'`,
    '# fieldline',
    `interface ${wifi === undefined ? 'eth0' : 'wlan0'}`,
    `static ip${six}_address=${network.address}`,
    `static ${six === '' ? 'routers' : 'ip6_routers'}=${network.gateway}`,
    ...(network.dns.length === 0 ? [] : [`static domain_name_servers=${network.dns.join(' ')}`]),
    'END',
  ];
}

#!/bin/sh
# Installs the agent from the folder that holds this script: on the boot partition of a card, sent by ssh, or of a package.
# Each step is done only if it is not done yet, so that it may be cut short anywhere and run again.
#
#   sh install.sh [--later] [--once] [--no-start]
#     --later     leaves the work to a unit of systemd, and starts that
#     --once      not from a boot partition: no log there, and no further try at the next boot
#     --no-start  the service is enabled, not started
#
# FIELDLINE_ROOT: a folder that stands for `/`; nothing outside it is touched then.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=${FIELDLINE_ROOT:-}
home=$root/opt/fieldline
config=$root/etc/fieldline
data=$root/var/lib/fieldline
units=$root/etc/systemd/system
service=fieldline-edge.service
retry=fieldline-install.service

start=yes once='' later=''
for word in "$@"; do
  case $word in
    --later) later=yes ;;
    --once) once=yes ;;
    --no-start) start='' ;;
    *) echo "usage: $0 [--later] [--once] [--no-start]" >&2 && exit 2 ;;
  esac
done

say() {
  echo "fieldline: $*" >&2
  if [ -z "$root" ] && command -v logger >/dev/null; then logger -t fieldline-install -- "$*" || true; fi
  if [ -z "$once" ]; then echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$here/install.log" || true; fi
}

# fail SENTENCE NEXT-STEP
fail() {
  step=''
  say "not installed: $1. $2"
  if [ -z "$once" ]; then sync; fi
  exit 1
}

step='the first step'
ended() {
  code=$?
  if [ "$code" -ne 0 ] && [ -n "$step" ]; then
    next='It is tried again at the next boot.'
    if [ -n "$once" ]; then next='Correct the cause and run it again.'; fi
    say "not installed: $step failed. $next"
  fi
}
trap ended EXIT

# Under systemd, on this very system.
booted() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
own() { if [ -z "$root" ]; then chown "$@"; fi; }

changed=''
# place FROM TO MODE OWNER [NEW]: a file appears whole, or stays as it was. NEW: where it is made.
place() {
  if [ ! -h "$2" ] && cmp -s "$1" "$2"; then
    chmod "$3" "$2" && own "$4" "$2" && return 0
  fi
  new=${5:-$2.new}
  rm -f "$new"
  (umask 077 && cat "$1" >"$new")
  chmod "$3" "$new"
  own "$4" "$new"
  sync "$new" 2>/dev/null || sync
  mv -T -f "$new" "$2"
  changed=yes
}

# folder PATH OWNER: one that is there stays as it is.
folder() {
  if [ -d "$1" ] && [ ! -h "$1" ]; then return 0; fi
  rm -rf "$1" "$home/folder.new"
  mkdir -m 750 "$home/folder.new"
  own "$2" "$home/folder.new"
  mv -T "$home/folder.new" "$1"
}

enable_unit() {
  place "$here/$1" "$units/$1" 644 root:root
  if [ ! -e "$units/multi-user.target.wants/$1" ]; then
    ln -sf "/etc/systemd/system/$1" "$units/multi-user.target.wants/$1"
  fi
}

lay_retry() {
  step='laying down the unit that installs'
  if [ -z "$once" ] && [ ! -e "$here/installed.txt" ]; then enable_unit "$retry" && sync; fi
}

drop_retry() {
  if [ -e "$units/$retry" ]; then
    rm -f "$units/multi-user.target.wants/$retry" "$units/$retry"
    if booted; then systemctl daemon-reload; fi
  fi
}

again='Write the card anew, and to another card if that does not help.'
check_sums() {
  step='comparing the files with their sums'
  if ! (cd "$here" && sha256sum --check --strict --quiet SHA256SUMS) >&2; then
    fail 'the files on the card are not those that were written' "$again"
  fi
  if new_identity; then
    if ! (cd "$here/secrets" && sha256sum --check --strict --quiet SHA256SUMS) >&2; then
      fail 'the identity on the card is not the one that was written' "$again"
    fi
  fi
}

# Whether there is one that was not laid down yet. Its sums are the first of it to be deleted.
new_identity() { [ -e "$here/secrets/SHA256SUMS" ] && ! cmp -s "$here/secrets/SHA256SUMS" "$home/installed-identity"; }

# Of the programs and not of the kernel: a 64-bit kernel may carry a 32-bit system.
architecture() {
  machine=$(uname -m)
  if [ "$machine" = armv6l ]; then
    fail 'this board has an ARMv6 processor (Pi Zero, Zero W or 1), for which there is no Node.js' 'Take a Pi Zero 2 W, 3 or later.'
  fi
  if command -v dpkg >/dev/null; then
    case $(dpkg --print-architecture) in
      arm64) echo arm64 ;;
      armhf) echo armv7l ;;
      amd64) echo x64 ;;
      *) echo "$machine" ;;
    esac
    return 0
  fi
  case $machine-$(getconf LONG_BIT) in
    aarch64-64) echo arm64 ;;
    aarch64-32 | armv7l-32 | armv8l-32) echo armv7l ;;
    x86_64-64) echo x64 ;;
    *) echo "$machine" ;;
  esac
}

# The second word of a line of the manifest, or the word after it.
told() { sed -n "s/^$1 //p" "$here/release.txt" | cut -d ' ' -f "${2:-1}"; }

check_system() {
  step='finding out what system this is'
  # It has said why.
  arch=$(architecture) || { step='' && exit 1; }
  wanted=$(told arch)
  if [ "$arch" != "$wanted" ]; then
    fail "the release is for $wanted, and this system is $arch" "Make the card with --arch $arch, or take an image for $wanted."
  fi
  release_version=$(told version) app=$(told app) runtime=$(told runtime)
  if [ -z "$release_version" ] || [ -z "$app" ]; then fail 'the release has no program' "$again"; fi
  node=../../runtimes/$(printf %.16s "$runtime")/bin/node
  if [ -n "$runtime" ]; then return 0; fi
  least=$(told node)
  node=$(command -v node) || fail "the release brings no Node.js and the system has none" "Install Node.js $least or later."
  found=$("$node" --version | tr -d v)
  if [ "$(printf '%s\n%s\n' "$least" "$found" | sort -V | head -n 1)" != "$least" ]; then
    fail "Node.js is $found, and the release needs $least" "Install a later one, or make the card with a runtime."
  fi
}

unpacked() { if command -v xz >/dev/null; then xz -dc; else python3 -c "$unxz"; fi; }
unxz='import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'

# unpack PART FOLDER: the folder is new, and not yet safe from a power cut.
unpack() {
  command -v xz >/dev/null || command -v python3 >/dev/null || fail 'nothing here unpacks xz' 'Install xz-utils.'
  need=$(($(sed -n "s/^[a-z]* $1 //p" "$here/release.txt") / 1024 + 16384))
  mkdir -p "$(dirname "$2")"
  free=$(df -Pk "$(dirname "$2")" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt "$need" ]; then fail "$need kB are needed and $free kB are free" 'Make room, or take a larger card.'; fi
  rm -rf "$2"
  mkdir "$2"
  # A failure on the left of a pipe would go unseen.
  { unpacked <"$here/parts/$1" || : >"$2.failed"; } | tar -xf - -C "$2" --no-same-owner || : >"$2.failed"
  if [ -e "$2.failed" ]; then
    rm -rf "$2.failed" "$2"
    fail "part $1 cannot be unpacked" "$again"
  fi
  chmod -R u+rwX,go+rX,go-w "$2"
}

lay_runtime() {
  step='unpacking Node.js'
  if [ -z "$runtime" ]; then return 0; fi
  place_of=$home/runtimes/$(printf %.16s "$runtime")
  if [ ! -x "$place_of/bin/node" ]; then
    rm -rf "$place_of"
    unpack "$runtime" "$place_of.partial"
    sync
    mv -T "$place_of.partial" "$place_of"
    sync
    changed=yes
  fi
  "$place_of/bin/node" --version >/dev/null ||
    fail 'Node.js does not start on this system' 'See the messages above; the system may be too old for it.'
}

lay_release() {
  step='unpacking the agent'
  release=$home/releases/$release_version
  if cmp -s "$here/release.json" "$release/release.json" && [ "$(readlink "$release/node")" = "$node" ]; then return 0; fi
  unpack "$app" "$release.partial"
  cp "$here/release.json" "$release.partial/release.json"
  ln -s "$node" "$release.partial/node"
  sync
  # Another release of the same version: the one before goes out of the way first.
  if [ -e "$release" ]; then rm -rf "$home/trash" && mv -T "$release" "$home/trash"; fi
  mv -T "$release.partial" "$release"
  sync
  rm -rf "$home/trash"
  changed=yes
}

make_user() {
  step='making the user fieldline'
  if [ -n "$root" ]; then return 0; fi
  if ! getent passwd fieldline >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/fieldline --shell /usr/sbin/nologin fieldline
  fi
  for group in i2c spi gpio dialout; do
    if getent group "$group" >/dev/null; then usermod -a -G "$group" fieldline; fi
  done
}

lay_config() {
  step='writing the configuration'
  folder "$config" root:fieldline
  if [ -e "$config/edge.yaml" ] && ! cmp -s "$here/etc/edge.yaml" "$config/edge.yaml"; then
    place "$config/edge.yaml" "$config/edge.yaml.before" 640 root:fieldline
  fi
  for file in "$here"/etc/*; do place "$file" "$config/${file##*/}" 640 root:fieldline; done
}

# What the device has shown to the gateway once is not put back: a token may be spent, and a certificate have come of it.
lay_identity() {
  step='writing the identity'
  if [ -d "$data/identity" ] && ! new_identity; then return 0; fi
  # Root must not be led elsewhere by what the agent may write to: it is stopped, no link is followed, nothing is made there.
  if booted && [ -e "$units/$service" ]; then systemctl stop "$service"; fi
  for name in '' /outbox /upgrade /identity; do folder "$data$name" fieldline:fieldline; done
  if ! new_identity; then return 0; fi
  for name in token enrol-token device.pem device-key.pem; do
    if [ -e "$here/secrets/$name" ]; then
      place "$here/secrets/$name" "$data/identity/$name" 600 fieldline:fieldline "$home/identity.new"
    else
      rm -f "$data/identity/$name"
    fi
  done
  sync
  place "$here/secrets/SHA256SUMS" "$home/installed-identity" 600 root:root
}

switch() {
  step='making the release the current one'
  place "$home/releases/$release_version/guard.sh" "$home/guard.sh" 755 root:root
  if [ "$(readlink "$home/current")" != "releases/$release_version" ]; then
    # A trial that is under way is over: the guard must not take back what was installed by hand.
    rm -f "$home/upgrade-state" "$home/current.new"
    ln -s "releases/$release_version" "$home/current.new"
    mv -T -f "$home/current.new" "$home/current"
    changed=yes
  fi
  sync
}

# Longer and longer waits between the starts of an agent that ends at once. systemd knows them from version 254.
lay_waits() {
  version=$(systemctl --version 2>/dev/null | sed -n 's/^systemd \([0-9]*\).*/\1/p')
  if [ "${version:-0}" -lt 254 ] || [ -e "$units/$service.d/waits.conf" ]; then return 0; fi
  mkdir -p "$units/$service.d"
  printf '[Service]\nRestartSteps=6\nRestartMaxDelaySec=60s\n' >"$units/$service.d/waits.conf"
}

run_service() {
  step='starting the service'
  lay_waits
  enable_unit "$service"
  sync
  if booted; then systemctl daemon-reload; else return 0; fi
  if [ -z "$start" ]; then return 0; fi
  # Not waited for: the boot that runs this may be what it waits for.
  if [ -n "$changed" ]; then systemctl restart --no-block "$service"; else systemctl start --no-block "$service"; fi
}

# Overwritten before they are deleted: a FAT only forgets where they were.
wipe_secrets() {
  step='deleting the secrets from the card'
  if [ ! -d "$here/secrets" ]; then return 0; fi
  # Without its sums, no later run takes what is left for an identity.
  rm -f "$here/secrets/SHA256SUMS" && sync
  for file in "$here"/secrets/*; do
    if [ -f "$file" ]; then
      dd if=/dev/zero of="$file" bs="$(($(wc -c <"$file") + 1))" count=1 conv=notrunc,fsync 2>/dev/null
      rm -f "$file"
    fi
  done
  rmdir "$here/secrets" && sync
}

# What was installed last, whole: another run of the same changes nothing, not even after an upgrade.
note_installed() {
  step='noting what was installed'
  place "$here/SHA256SUMS" "$home/installed" 644 root:root
  if [ -z "$once" ] && [ ! -e "$here/installed.txt" ]; then
    {
      echo "Fieldline $(told version) for $(told arch) was installed from this card."
      date -u +%Y-%m-%dT%H:%M:%SZ
    } >"$here/installed.new"
    mv -f "$here/installed.new" "$here/installed.txt"
  fi
  sync
}

install_all() {
  check_system
  lay_runtime
  lay_release
  make_user
  lay_config
  lay_identity
  switch
}

mkdir -p "$home/releases" "$home/runtimes" "$units/multi-user.target.wants" "$root/var/lib"
lay_retry
if [ -n "$later" ]; then
  step='starting the unit that installs'
  if booted; then systemctl daemon-reload && systemctl start --no-block "$retry"; fi
  exit 0
fi
# The boot that runs this and the unit that tries again may meet.
if command -v flock >/dev/null; then
  exec 9>"$home/install.lock"
  flock 9
fi
check_sums
if cmp -s "$here/SHA256SUMS" "$home/installed"; then lay_identity; else install_all; fi
run_service
wipe_secrets
note_installed
drop_retry
step=''
if [ -n "$changed" ]; then say "installed: $(told version) for $(told arch)"; else say "$(told version) was installed already"; fi

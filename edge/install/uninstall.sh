#!/bin/sh
# Removes the agent; leaves the configuration and the readings that are not delivered, unless `--purge`.
# FIELDLINE_ROOT: a folder that stands for `/`.
set -eu

root=${FIELDLINE_ROOT:-}
units=$root/etc/systemd/system
purge=''
case ${1:-} in
  '') ;;
  --purge) purge=yes ;;
  *)
    echo "usage: $0 [--purge]" >&2
    exit 2
    ;;
esac

booted() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

for unit in fieldline-trial.timer fieldline-edge.service fieldline-install.service; do
  if booted; then systemctl stop "$unit" 2>/dev/null || true; fi
  rm -f "$units/multi-user.target.wants/$unit" "$units/$unit"
done
rm -rf "$units/fieldline-edge.service.d"
if booted; then systemctl daemon-reload; fi
rm -rf "$root/opt/fieldline"
if [ -n "$purge" ]; then
  rm -rf "$root/etc/fieldline" "$root/var/lib/fieldline"
  if [ -z "$root" ] && getent passwd fieldline >/dev/null; then userdel fieldline; fi
fi
sync

#!/bin/sh
# Process 1 of the machine that finishes the guest: every package is configured by an arm64 kernel and arm64 programs.
# What debootstrap would do here, less its search for the right order, which takes an emulated processor an hour: all
# packages are unpacked first, so that the order is dpkg's.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true

# Whatever still holds a file open, the file system is whole.
switch_off() {
  sync
  echo u >/proc/sysrq-trigger
  sleep 2
  echo o >/proc/sysrq-trigger
  sleep 60
}
trap 'set +e; tail -n 30 /second-stage.log; echo "guest: failed"; switch_off' EXIT

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
ln -sf /proc/self/fd /dev/fd

say() { echo "guest: $* at $(cut -d ' ' -f 1 /proc/uptime) s"; }
debs=/var/cache/apt/archives
first() { dpkg --no-triggers --force-depends --install "$debs/$1"_*.deb; }

install_packages() {
  ldconfig
  # dpkg cannot install itself without being known to itself.
  printf 'Package: dpkg\nVersion: %s\nMaintainer: unknown\nStatus: install ok installed\n' \
    "$(dpkg-deb -f "$debs"/dpkg_*.deb Version)" >>/var/lib/dpkg/status
  : >/var/lib/dpkg/info/dpkg.list
  ln -sf mawk /usr/bin/awk
  [ -e /etc/localtime ] || ln -sf /usr/share/zoneinfo/UTC /etc/localtime
  for name in base-passwd base-files dpkg libc6 perl-base mawk debconf; do first "$name"; done
  say 'unpacking all packages'
  dpkg --no-triggers --force-depends --force-overwrite --force-confold --skip-same-version --unpack "$debs"/*.deb
  say 'configuring all packages'
  dpkg --configure --pending --force-configure-any --force-depends --force-confold
  dpkg --configure --pending
}

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
install_packages >/second-stage.log 2>&1 &
work=$!
# Says now and then how far it is.
while kill -0 "$work" 2>/dev/null; do
  sleep 5
  tail -n 1 /second-stage.log
done
wait "$work"
grep '^guest:' /second-stage.log
dpkg --audit

# The groups of the pins are as on a card.
for group in gpio i2c spi; do groupadd --system --force "$group"; done
systemctl enable fieldline-test-shell.service
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer man-db.timer; do
  systemctl mask "$unit"
done
rm -rf /debootstrap /second-stage.sh /second-stage.log /usr/sbin/policy-rc.d "$debs"/*.deb
: >/etc/machine-id

mkdir -p /guest
cp -L /boot/vmlinuz-* /guest/vmlinuz
cp -L /boot/initrd.img-* /guest/initrd
sync
fstrim / || true
trap - EXIT
say finished
switch_off

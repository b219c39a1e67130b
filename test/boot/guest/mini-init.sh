#!/bin/busybox sh
# shellcheck shell=dash
# Mounts the root partition that has no initramfs of its own yet.
/bin/busybox mkdir -p /proc /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in $(/bin/busybox cat /modules); do
  /bin/busybox insmod "/lib/$module.ko" || echo "no $module"
done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw /dev/vda /root
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /second-stage.sh

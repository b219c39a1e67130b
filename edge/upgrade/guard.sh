#!/bin/sh
# Runs as root before each start of the agent, and decides which release starts. It tries a new one at most three times,
# and goes back to the one before unless the new one's agent has said that the gateway acknowledged its data.
#
#   staged ──► applying ──► beginning ──► trial ──┬──► confirmed
#                  └──► refused                   └──► returning ──► rolled-back
#
# The state is one line in a file that is replaced as a whole. Each step may be cut short by a pulled plug: the next start
# finds either the state before it or the one after it, and goes on from there. What stands in $inbox was written by the
# agent, which is not root: it is read, checked, and never written to.
set -eu
umask 022

home=${FIELDLINE_ROOT:-}/opt/fieldline
inbox=${FIELDLINE_ROOT:-}/var/lib/fieldline/upgrade
state=$home/upgrade-state
max_tries=3
# For the agent to end its trial by itself before the timer does.
grace_seconds=120

say() { printf 'guard: %s\n' "$*" >&2; }

# Its data is on the disk when this returns; a folder's names are then safe, too.
harden() { sync "$@" 2>/dev/null || sync; }

load() {
  status=none nonce=- id=- version=- previous=- tries=0 seconds=0 reason=
  if [ -f "$state" ]; then
    read -r status nonce id version previous tries seconds reason <"$state" || [ -n "$status" ] || status=none
  fi
}

save() {
  printf '%s %s %s %s %s %s %s %s\n' "$status" "$nonce" "$id" "$version" "$previous" "$tries" "$seconds" "$reason" >"$state.new" &&
    harden "$state.new" && mv -f "$state.new" "$state" && harden "$home"
}

# What stands in a file that the agent wrote: its first line, and of that no more than a line may have.
first_line() {
  [ -f "$1" ] && [ ! -h "$1" ] && head -c 1000 "$1" | head -n 1
}

current() {
  target=$(readlink "$home/current" || true)
  printf '%s' "${target##*/}"
}

can_run() { [ -f "$home/releases/$1/agent.mjs" ] && [ -x "$home/releases/$1/node" ]; }

swap() {
  [ "$(current)" = "$1" ] || {
    rm -f "$home/current.new" && ln -s "releases/$1" "$home/current.new" && mv -T -f "$home/current.new" "$home/current"
  } && harden "$home"
}

# Prints what the agent wrote into the mark $1 after the number of this upgrade; fails if it is of another, or none.
mark() {
  line=$(first_line "$1") || return 1
  case $line in
    "$nonce") ;;
    "$nonce "*) printf '%.500s' "${line#* }" ;;
    *) return 1 ;;
  esac
}

go_back() {
  reason=$1
  say "$version goes back to $previous: $reason"
  if ! can_run "$previous"; then
    say "$previous cannot run: $version stays"
    return 0
  fi
  status=returning
  # A disk that takes no state may still take the link.
  save || say 'the state could not be written'
  finish_return
}

finish_return() {
  swap "$previous"
  status=rolled-back
  save
}

finish_beginning() {
  swap "$version"
  status=trial tries=1
  save
  say "$version is on trial, $previous is kept"
}

confirm() {
  status=confirmed
  new=$home/releases/$version/guard.sh
  if [ -f "$new" ] && ! cmp -s "$new" "$home/guard.sh" && sh -n "$new"; then
    cp "$new" "$home/guard.sh.new" && chmod 755 "$home/guard.sh.new" && harden "$home/guard.sh.new"
    mv -f "$home/guard.sh.new" "$home/guard.sh" && harden "$home"
  fi
  save
  say "$version is confirmed"
}

judge_trial() {
  now=$(current)
  if [ "$now" = "$previous" ]; then
    reason=${reason:-'it could not be tried'}
    finish_return
  elif [ "$now" != "$version" ]; then
    say "$now was installed in the trial of $version"
    status=none
    save
  elif mark "$inbox/confirmed" >/dev/null; then confirm
  elif said=$(mark "$inbox/failed"); then go_back "${said:-it gave itself up}"
  elif mark "$home/upgrade-expired" >/dev/null; then go_back 'it neither confirmed nor gave itself up in time'
  elif ! can_run "$version"; then go_back 'it is not whole'
  elif [ "$tries" -ge "$max_tries" ]; then go_back "it started $tries times and was not confirmed"
  else
    tries=$((tries + 1))
    save || go_back 'its starts could not be counted'
  fi
}

settle() {
  case $status in
    returning) finish_return ;;
    beginning) finish_beginning ;;
    trial) judge_trial ;;
  esac
}

# Whatever could lead a card whose files are damaged back to something that runs.
rescue() {
  running=$(current)
  if can_run "$running"; then return 0; fi
  for release in "$home"/releases/*; do
    name=${release##*/}
    if can_run "$name"; then
      say "$running cannot run: $name takes its place"
      swap "$name"
      return 0
    fi
  done
  say "no release can run below $home"
}

is_version() {
  case $1 in '' | [!0-9A-Za-z]* | *[!0-9A-Za-z.+_-]*) return 1 ;; esac
}

is_word() {
  case $1 in '' | *[!0-9a-z-]*) return 1 ;; esac
}

is_number() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
}

refuse() {
  status=refused reason=$1
  say "$version is refused: $reason"
  save
}

# Unpacks what is staged, by the program of the release that runs.
apply() {
  tries=$((tries + 1)) status=applying
  save
  if said=$("$home/current/node" "$home/current/agent.mjs" apply-release --version "$version" 2>&1 >/dev/null); then
    status=beginning
    save
    finish_beginning
    return 0
  else
    code=$?
  fi
  said=$(printf '%s\n' "$said" | tail -n 1)
  # 75: nothing is wrong with the release, and another time it may do. Above 128: something ended the program.
  if [ "$tries" -lt "$max_tries" ] && { [ "$code" -eq 75 ] || [ "$code" -gt 128 ]; }; then
    say "$version could not be unpacked: $said"
  else
    refuse "$(printf '%.500s' "${said:-it could not be unpacked}")"
  fi
}

read_staged() {
  line=$(first_line "$inbox/staged") || return 1
  read -r new_nonce new_id new_version new_seconds _ <<EOT
$line
EOT
  is_word "$new_nonce" && is_word "$new_id" && is_version "$new_version" && is_number "$new_seconds"
}

begin() {
  if [ "$status" = trial ] || ! read_staged; then return 0; fi
  if [ "$new_nonce" != "$nonce" ]; then
    tries=0
  elif [ "$status" != applying ]; then
    return 0
  fi
  nonce=$new_nonce id=$new_id version=$new_version seconds=$new_seconds reason=
  previous=$(current)
  is_version "$previous" || return 0
  if [ "$version" = "$previous" ]; then
    refuse 'it runs already'
  elif [ "$tries" -ge "$max_tries" ]; then
    refuse "unpacking it ended $tries times before its end"
  else
    apply
  fi
}

discard() {
  mkdir -p "$home/trash" && mv "$1" "$home/trash/" && rm -rf "$home/trash"
}

is_used() {
  for release in "$home"/releases/*; do
    case $(readlink "$release/node" || true) in *"/$1/"*) return 0 ;; esac
  done
  return 1
}

# Leaves the release that runs and the one to go back to, and what they run on. Nothing goes that could run again under its name.
prune() {
  rm -rf "$home/trash" "$home/incoming"
  case $status in trial | confirmed | rolled-back) ;; *) return 0 ;; esac
  running=$(current)
  can_run "$running" || return 0
  for release in "$home"/releases/*; do
    name=${release##*/}
    [ "$name" = "$running" ] || [ "$name" = "$previous" ] || discard "$release"
  done
  for runtime in "$home"/runtimes/*; do
    [ -d "$runtime" ] || continue
    is_used "${runtime##*/}" || discard "$runtime"
  done
}

# A release whose agent neither confirms nor gives up is ended from outside.
arm() {
  [ -z "${FIELDLINE_ROOT:-}" ] && [ -d /run/systemd/system ] || return 0
  systemctl stop fieldline-trial.timer 2>/dev/null || true
  [ "$status" = trial ] || return 0
  systemd-run --quiet --collect --unit=fieldline-trial --on-active="$((seconds + grace_seconds))" \
    /bin/sh "$home/guard.sh" expire "$nonce" || say 'no timer for the trial'
}

decide() {
  load
  settle
  rescue
  begin
  arm
  prune
}

expire() {
  load
  [ "$status" = trial ] && [ "$nonce" = "$1" ] || return 0
  if mark "$inbox/confirmed" >/dev/null; then return 0; fi
  printf '%s\n' "$nonce" >"$home/upgrade-expired"
  harden "$home/upgrade-expired"
  say "$version has not been confirmed in time"
  [ -n "${FIELDLINE_ROOT:-}" ] || systemctl restart --no-block fieldline-edge.service
}

case ${1:-start} in
  # In a shell of its own, where the first fault ends it: the agent starts all the same, with what is current.
  start) sh "$0" decide || say 'failed: what is current starts' ;;
  decide) decide ;;
  expire) expire "${2:?}" ;;
  *)
    echo "usage: $0 [start | expire NUMBER]" >&2
    exit 2
    ;;
esac

# Shared by the lab's tests (busybox sh, in dom0). A test ends with status 1 and a line that says why when it fails.
# shellcheck shell=sh

log=$(mktemp)
family=
trap 'status=$?; [ -z "$family" ] || { kill "$family"; wait "$family"; } 2>/dev/null; rm -f "$log"; exit $status' EXIT

fail() {
    echo "$1; the family says:"
    tail -n 5 "$log"
    exit 1
}

# within SECONDS COMMAND...: the command succeeds within the time.
within() {
    tries=$(($1 * 5))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        usleep 200000
    done
}

# start NAME OPTIONS...: a family in the background; what it prints is in $log.
start() {
    name=$1
    shift
    offshoot run --platform xen --name "$name" "$@" >"$log" 2>&1 </dev/null &
    family=$!
}

said() { grep -q "$1" "$log"; }

rounds() { grep -c '^round' "$log"; }

more_rounds() { [ "$(rounds)" -gt "$1" ]; }

# goes_on WHAT: the first program of the family still comes round.
goes_on() {
    kill -0 "$family" 2>/dev/null || fail "$1: the family is gone"
    within 60 more_rounds "$(rounds)" || fail "$1: the first program does not go on"
}

# Ends the family; nothing but its end may be said of it.
stop() {
    kill -TERM "$family"
    wait "$family"
    status=$?
    family=
    said 'the books of domains and frames are wrong' && fail "an invariant does not hold"
    [ "$status" = 143 ] || fail "the family ended with $status, not 143"
}

# members NAME: names of the members but the first, and of ancestors.
members() { xl list | awk -v name="$1" 'index($1, name ".") == 1 && $1 != name ".1" && $1 != name ".holder" && $1 !~ /shell/ { print $1 }'; }

# any LIST...: one of the words, at random.
any() {
    [ $# -gt 0 ] || return 1
    shift $(($(od -An -N2 -tu2 /dev/urandom) % $#))
    echo "$1"
}

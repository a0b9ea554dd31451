# Shared by the ports' tests (bash). The caller sets OFFSHOOT to the command under test; tests print a line
# `ok NAME` or `not ok NAME: REASON` for each check and end with status 1 if any failed. PATIENCE multiplies all times,
# for slow machines.
# shellcheck shell=bash

set -u
: "${OFFSHOOT:?set OFFSHOOT to the offshoot command}"

patience=${PATIENCE:-1}
failures=0
family_pid=
family_name=test-$$
scratch=$(mktemp -d)
# The program inside may have dropped its privileges: it must still reach the folders it is given.
chmod 755 "$scratch"

ok() { echo "ok $1"; }

not_ok() {
    echo "not ok $1: $2"
    failures=$((failures + 1))
}

# check NAME REASON COMMAND...: the command must succeed.
check() {
    local name=$1 reason=$2
    shift 2
    if "$@"; then ok "$name"; else not_ok "$name" "$reason"; fi
}

# check_says NAME FILE COMMAND...: as check; the reason is the end of what the command has written to the file.
check_says() {
    local name=$1 file=$2
    shift 2
    if "$@"; then ok "$name"; else not_ok "$name" "it says: $(tail -n 2 "$file" 2>/dev/null | tr '\n' ' ')"; fi
}

# within SECONDS COMMAND...: the command succeeds within the time; it is tried ten times a second.
within() {
    local tries=$(($1 * patience * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# family_start ARGUMENTS...: runs a family in the background, with its own words in $scratch/family.log.
family_start() {
    "$OFFSHOOT" run --name "$family_name" "$@" >"$scratch/family.log" 2>&1 </dev/null &
    family_pid=$!
}

family_runs() { kill -0 "$family_pid" 2>/dev/null; }

family_is_gone() { ! family_runs; }

# family_words: the end of what the family said, on one line.
family_words() { tail -n 3 "$scratch/family.log" 2>/dev/null | tr '\n' ' '; }

# family_ends NAME SECONDS: TERM ends the family within the time, with status 0.
family_ends() {
    local status=0
    kill -TERM "$family_pid"
    if within "$2" family_is_gone; then
        wait "$family_pid" || status=$?
        check "$1" "status $status" [ "$status" -eq 0 ]
    else
        not_ok "$1" "still there after $(($2 * patience)) s"
    fi
}

# family_answers SECONDS COMMAND...: as within, but gives up as soon as the family is gone.
family_answers() {
    local tries=$(($1 * patience * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ] || family_is_gone; then return 1; fi
        sleep 0.1
    done
}

finish() {
    trap - EXIT
    if [ -n "$family_pid" ] && family_runs; then
        kill -TERM "$family_pid" 2>/dev/null
        within 5 family_is_gone || kill -KILL "$family_pid" 2>/dev/null
        # The shell would tell of the death otherwise.
        wait "$family_pid" 2>/dev/null
    fi
    rm -rf "$scratch"
    [ "$failures" -eq 0 ] || exit 1
    exit
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

#!/usr/bin/env bash
# bash runs scripts whose commands are members, and hands on their output and exit status.
. "$(dirname "$0")/../testlib.sh"

in_bash() { timeout 60 "$OFFSHOOT" run --port bash -- "$@" 2>"$scratch/err"; }

# The end of what the last family said, on one line.
words() { tail -n 2 "$scratch/err" | tr '\n' ' '; }

# prints NAME SCRIPT OUTPUT: on its own standard input.
prints() {
    local output
    output=$(in_bash -c "$2")
    if [ "$output" = "$3" ]; then ok "$1"; else not_ok "$1" "it printed '$output', not '$3' $(words)"; fi
}

# ends_with NAME SCRIPT STATUS
ends_with() {
    in_bash -c "$2" >/dev/null </dev/null
    local status=$?
    if [ "$status" -eq "$3" ]; then ok "$1"; else not_ok "$1" "status $status, not $3 $(words)"; fi
}

prints "bash prints" 'echo hello' hello </dev/null
prints "bash forks a pipeline" 'seq 5 | sort -rn | head -n 2 | tr "\n" ,' 5,4, </dev/null
prints "bash substitutes commands" 'echo "$(basename "$(echo /a/b)")"' b </dev/null
prints "bash writes files" 'cd /tmp && echo x >f && cat f f | wc -l' 2 </dev/null
prints "bash reads our input" 'sort -n | paste -sd+' 1+2+3 < <(printf '3\n1\n2\n')
ends_with "bash hands on an exit status" 'exit 7' 7
ends_with "bash says 127 for what is not there" 'no-such-command' 127
ends_with "bash shows death by a signal" 'bash -c "kill -TERM \$\$"' 143

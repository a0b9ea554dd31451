#!/usr/bin/env bash
# bash runs scripts whose commands are members, and hands on their output and exit status.
. "$(dirname "$0")/../testlib.sh"

in_bash() { "$OFFSHOOT" run --port bash -- "$@"; }

prints() { [ "$(in_bash -c "$1" </dev/null)" = "$2" ]; }

ends_with() {
    in_bash -c "$1" </dev/null >/dev/null 2>&1
    [ $? -eq "$2" ]
}

reads_input() { [ "$(printf '3\n1\n2\n' | in_bash -c 'sort -n | paste -sd+')" = 1+2+3 ]; }

check "bash prints" "other output" prints 'echo hello' hello
check "bash forks a pipeline" "other output" prints 'seq 5 | sort -rn | head -n 2 | tr "\n" ,' 5,4,
check "bash substitutes commands" "other output" prints 'echo "$(basename "$(echo /a/b)")"' b
check "bash writes files" "other output" prints 'cd /tmp && echo x >f && cat f f | wc -l' 2
check "bash reads our input" "other output" reads_input
check "bash hands on an exit status" "another status" ends_with 'exit 7' 7
check "bash says 127 for what is not there" "another status" ends_with 'no-such-command' 127
check "bash shows death by a signal" "another status" ends_with 'bash -c "kill -TERM \$\$"' 143

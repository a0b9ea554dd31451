#!/usr/bin/env bash
# Each script of suite/ runs in a family of its own; its output must be the recorded one, its exit status 0.
. "$(dirname "$0")/../testlib.sh"
here=$(cd "$(dirname "$0")" && pwd)

for script in "$here"/suite/*.sh; do
    name=$(basename "$script" .sh)
    timeout 120 "$OFFSHOOT" run --port bash -v "$here/suite:/suite:ro" -- "/suite/$name.sh" \
        </dev/null >"$scratch/out" 2>"$scratch/err"
    status=$?
    if [ "$status" -ne 0 ]; then
        not_ok "bash: $name" "exit status $status; $(tail -n 2 "$scratch/err" | tr '\n' ' ')"
    elif ! cmp --silent "$scratch/out" "$here/suite/$name.expected"; then
        not_ok "bash: $name" "$(diff "$here/suite/$name.expected" "$scratch/out" | head -n 6 | tr '\n' ' ')"
    else
        ok "bash: $name"
    fi
done

# A member that sleeps with a deadline when the host stops it (a debugger, a freezer, a suspended machine) sleeps on.
family_start --port bash -- -c 'read -rt 3 line < <(sleep 4); exit 7'
sleep 1.5
members=$(cat "/proc/$family_pid/task/$family_pid/children")
for member in $members; do kill -STOP "$member"; done
sleep 0.2
for member in $members; do kill -CONT "$member"; done
wait "$family_pid"
check "bash: members that the host stopped go on" "another status" [ $? -eq 7 ]

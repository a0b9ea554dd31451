#!/usr/bin/bash
# Traps: signals from ourselves and from children, inherited and reset ones.
trap 'echo usr1' USR1
kill -USR1 $$
trap 'echo usr2; got=1' USR2
(sleep 0.1; kill -USR2 $$) &
until [ "${got:-}" ]; do sleep 0.02; done
wait
# A trapped signal ends `wait` with 128 + n; the child goes on.
sleep 0.4 & child=$!
(sleep 0.1; kill -USR1 $$) &
wait "$child"; echo "wait $?"
wait "$child"; echo "wait $?"
wait
# Ignored signals stay ignored in children, trapped ones are reset.
trap '' HUP
bash -c 'kill -HUP $$; echo "HUP ignored"'
bash -c 'kill -USR1 $$; echo not reached'; echo "USR1 $?"
(trap 'echo "subshell ends"' EXIT; exit 6); echo "$?"
bash -c 'trap "echo term; exit 5" TERM; kill -TERM $$; sleep 5'; echo "$?"
n=0
trap 'n=$((n + 1))' CHLD
for i in 1 2 3; do (exit 0) & wait $!; done
trap - CHLD
[ "$n" -ge 1 ] && echo "children were noticed"
trap 'echo debug off' ERR
false
trap - ERR
trap -p USR1
trap - USR1
trap -p USR1
trap 'echo bye' EXIT

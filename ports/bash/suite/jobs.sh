#!/usr/bin/bash
# Background jobs: wait for one, for any, for all.
sleep 0.3 & slow=$!
(exit 4) & fast=$!
wait "$fast"; echo "fast $?"
wait "$slow"; echo "slow $?"
(sleep 0.4; exit 1) &
(sleep 0.2; exit 2) &
(sleep 0.05; exit 3) &
wait -n; echo "first $?"
wait -n; echo "second $?"
wait -n; echo "third $?"
wait -n; echo "none $?"
(sleep 0.1; exit 9) & id=$!
wait -n -p who "$id"; echo "$? $([ "$who" = "$id" ] && echo it)"
wait 999999 2>/dev/null; echo "not a child $?"
sleep 30 & kill $!; wait $!; echo "killed $?"
for i in 1 2 3 4 5; do (sleep "0.0$i"; exit "$i") & pids[i]=$!; done
for i in 5 4 3 2 1; do wait "${pids[i]}"; echo "$?"; done
sleep 0.2 & sleep 0.2 &
jobs -p | wc -l
wait
{ sleep 0.1; echo "from the background"; } &
wait && echo done
set -m
sleep 30 & id=$!
[ "$(jobs -r | wc -l)" -eq 1 ] && echo running
kill -STOP %1
until jobs -s | grep -q .; do sleep 0.02; done
echo stopped
kill -CONT %1
until jobs -r | grep -q .; do sleep 0.02; done
echo running
kill %1
wait "$id" 2>/dev/null; echo "$?"

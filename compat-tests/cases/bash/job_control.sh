# Job control in a script: groups of their own, stop and continue, fg and bg. Bash manual 7.
set -m
sleep 100 & p=$!
[ "$(ps -o pgid= -p $p 2>/dev/null | tr -d ' ' || cut -d' ' -f5 /proc/$p/stat)" = "$p" ] && echo "leads its group"
kill -STOP $p; for i in $(seq 1 200); do [ "$(cut -d' ' -f3 /proc/$p/stat)" = T ] && break; sleep 0.01; done
jobs | sed 's/  */ /g'
kill -CONT $p; for i in $(seq 1 200); do [ "$(cut -d' ' -f3 /proc/$p/stat)" = S ] && break; sleep 0.01; done
jobs -r | wc -l
kill %1; wait %1 2>/dev/null; echo "status $?"
(sleep 100 | sleep 100) & p=$!
kill -- -$p; wait $p 2>/dev/null; echo "a pipeline's group: $?"
sleep 0.05 & fg %% > /dev/null; echo "fg: $?"
bash -c 'kill -STOP $$; echo continued; exit 4' & p=$!
for i in $(seq 1 200); do [ "$(cut -d' ' -f3 /proc/$p/stat)" = T ] && break; sleep 0.01; done
bg %% > /dev/null; wait $p; echo "bg: $?"
bash -c 'kill -TSTP $$; echo again'; echo "stopped in the foreground: $?"
fg > /dev/null; echo "fg: $?"
set +m

# Background jobs: wait for one, all, the next; statuses; signals; jobs that outlive each other. Bash manual 7.1, 4.1 wait.
sleep 0.05 & wait $!; echo "one: $?"
(exit 7) & wait $!; echo "status: $?"
(sleep 0.1; exit 1) & a=$!; (exit 2) & b=$!
wait $b; echo "second: $?"; wait $a; echo "first: $?"
(sleep 0.3; exit 31) & (sleep 0.05; exit 32) &
wait -n; echo "wait -n: $?"; wait -n; echo "wait -n: $?"; wait -n; echo "nobody: $?"
(sleep 0.05; exit 5) & p=$!
wait -n -p which $p; echo "wait -n -p: $? $([ "$which" = "$p" ] && echo right)"
for i in 1 2 3 4 5; do (sleep 0.0$i; echo "$i" > "job$i") & done; wait; cat job?
wait 999999 2>/dev/null; echo "not a child: $?"
sleep 100 & kill $!; wait $! 2>/dev/null; echo "killed: $?"
sleep 100 & kill -9 $!; wait $! 2>/dev/null; echo "killed: $?"
bash -c 'kill -USR1 $$'; echo "USR1: $?"
(trap 'echo caught; exit 9' TERM; : > ready; while :; do sleep 0.01; done) & p=$!
while [ ! -e ready ]; do sleep 0.01; done; kill $p; wait $p; echo "trapped: $?"
true & true & true & wait; echo "all: $?"
f() { sleep 0.02; echo "function in the background"; return 3; }; f & wait $!; echo "status: $?"
{ sleep 0.02; echo grouped; } & wait
coproc_out=$(sleep 0.01 & echo early; wait; echo late); echo $coproc_out
jobs; echo "no jobs left"
sleep 100 & disown; kill $!
sleep 100 & p=$!; [ -d /proc/$p ] && echo alive; kill $p; wait $p 2>/dev/null; [ -d /proc/$p ] || echo gone

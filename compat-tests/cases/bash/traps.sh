# Traps: signals, EXIT, ERR, DEBUG, RETURN; ignored and reset ones; delivery while waiting. Bash manual 4.1 trap, 3.7.6.
# exit: 6
trap 'echo "got USR1"' USR1
kill -USR1 $$; echo after
trap '' USR2; kill -USR2 $$; echo "ignored"
bash -c 'kill -USR2 $$; echo "ignored in a child too"'
trap - USR2; (kill -USR2 $BASHPID; echo "not reached"); echo "default again: $?"
trap 'echo "ERR: $?"' ERR; false; (exit 5); true; trap - ERR
sleep 0.3 & p=$!; (sleep 0.05; kill -USR1 $$) & wait $p; echo "wait was interrupted: $?"; wait $p; echo "then: $?"
f() { trap 'echo RETURN' RETURN; echo in; }; f; trap - RETURN
count=0; trap 'count=$((count + 1))' USR1; for i in $(seq 1 50); do kill -USR1 $$; done; echo "count $count"
(trap 'echo "EXIT in a subshell: $?"' EXIT; exit 3); echo "status $?"
bash -c 'trap "echo cleaning; exit 8" INT; kill -INT $$; echo "not reached"'; echo "status $?"
bash -c 'trap "echo exit trap" EXIT; kill -TERM $$'; echo "status $?"
bash -c 'set -e; trap "echo exit trap with set -e" EXIT; false; echo "not reached"'; echo "status $?"
read -r -t 0.05 line < <(sleep 1); echo "read timed out: $([ $? -gt 128 ] && echo yes)"
trap -p USR1
trap 'echo "signal while a command runs"' HUP
sh -c "sleep 0.05; kill -HUP $$"; echo "then it goes on"
trap 'echo leaving with $?' EXIT
exit 6

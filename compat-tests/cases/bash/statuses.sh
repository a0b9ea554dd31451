# Exit statuses and signals that the parent sees. POSIX Shell 2.8.2 "Exit Status for Commands".
# exit: 3
true; echo $?; false; echo $?; no-such-command 2>/dev/null; echo $?; : > plain; ./plain 2>/dev/null; echo $?; /etc 2>/dev/null; echo $?
printf '\177ELFgarbage' > bad; chmod +x bad; ./bad 2>/dev/null; echo "bad ELF: $?"
printf '#!/no/such/interpreter\n' > bad; ./bad 2>/dev/null; echo "missing interpreter: $?"
printf 'exit 9\n' > script; chmod +x script; ./script; echo "no #!: $?"
for s in HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM; do bash -c "ulimit -c 0; kill -$s \$\$" 2>/dev/null; echo "$s $?"; done 2>/dev/null
(exit 256); echo $?; (exit -1); echo $?; bash -c 'exit 300'; echo $?
yes 2>/dev/null | head -1 > /dev/null; echo "${PIPESTATUS[0]}"
set -e; (false; echo "not reached") || echo "status in a list"; set +e
timeout 0.05 sleep 5; echo "timeout: $?"; timeout -s KILL 0.05 sleep 5; echo "timeout -s KILL: $?"
env -i /bin/sh -c 'echo "${HOME-none}"'; env A=1 sh -c 'echo $A'; A=2 sh -c 'echo $A'; [ "$(nice -n 5 nice)" -gt "$(nice)" ] && echo nicer
sh -c 'exec sh -c "exec sh -c \"exit 33\""'; echo $?
bash -c 'echo to stderr >&2; exit 2' 2>&1; echo $?
exec bash -c 'exit 3'

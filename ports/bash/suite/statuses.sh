#!/usr/bin/bash
# Exit statuses and signals as the parent sees them.
for n in 0 1 2 77 126 127 128 255 256; do bash -c "exit $n"; echo -n "$? "; done; echo
for s in HUP KILL USR1 PIPE ALRM TERM; do
    bash -c "ulimit -c 0; kill -$s \$\$; sleep 1" 2>/dev/null
    echo -n "$s:$? "
done 2>/dev/null
echo
/tmp 2>/dev/null; echo "a directory: $?"
echo '#!/usr/bin/bash' >/tmp/plain; /tmp/plain 2>/dev/null; echo "not executable: $?"
/no/such/program 2>/dev/null; echo "not there: $?"
printf '#!/no/such/interpreter\n' >/tmp/lost; chmod +x /tmp/lost; /tmp/lost 2>/dev/null; echo "no interpreter: $?"
printf '#!/usr/bin/awk -f\nBEGIN { print "awk as interpreter", ARGC }\n' >/tmp/awk; chmod +x /tmp/awk; /tmp/awk; echo "$?"
printf 'echo "no magic, $1"\n' >/tmp/bare; chmod +x /tmp/bare; /tmp/bare arg; echo "$?"
printf '\177ELF broken' >/tmp/elf; chmod +x /tmp/elf; /tmp/elf 2>/dev/null; echo "broken ELF: $?"
timeout 0.1 sleep 5; echo "timeout: $?"
timeout -s KILL 0.1 sleep 5 2>/dev/null; echo "timeout KILL: $?"
env -i FOO=bar /usr/bin/env
env -u PATH /usr/bin/bash -c 'echo "${FOO-unset}"'
nice -n 5 nice
(ulimit -n 64; ulimit -n)
umask 027; touch /tmp/masked; stat -c %a /tmp/masked
exec 7</usr/bin/bash; bash -c '[ -e /proc/self/fd/7 ] && echo inherited'
cat <&9 2>/dev/null; echo "closed descriptor: $?"
[ "$(bash -c 'echo $PPID')" = "$$" ] && echo "our child knows us"

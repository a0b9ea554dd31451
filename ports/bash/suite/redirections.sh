#!/usr/bin/bash
# Descriptors: one open description shared by members, appending, swapping.
exec 3>/tmp/shared
echo first >&3
(echo second >&3)
bash -c 'echo third >&3'
echo fourth >&3
exec 3>&-
cat /tmp/shared
exec 4</tmp/shared
read -r line <&4; echo "$line"
(read -r line <&4; echo "$line")
read -r line <&4; echo "$line"
exec 4<&-
for i in $(seq 50); do echo "$i" >>/tmp/append & done
wait
sort -n /tmp/append | md5sum
{ echo out; echo err >&2; } 2>/tmp/err >/tmp/out
cat /tmp/out /tmp/err
{ echo out; echo err >&2; } 3>&1 1>&2 2>&3 3>&- 2>/tmp/swapped | cat
cat /tmp/swapped
echo clobber >/tmp/one; set -C; echo no 2>/dev/null >/tmp/one || echo "noclobber"; set +C
echo yes >|/tmp/one; cat /tmp/one
exec {fd}>/tmp/named; echo "named" >&"$fd"; exec {fd}>&-; cat /tmp/named
head -c 10 /dev/zero | wc -c
echo gone >/dev/null
[ "$(head -c 8 /dev/urandom | wc -c)" -eq 8 ] && echo random
truncate -s 1M /tmp/sparse && stat -c %s /tmp/sparse
dd if=/dev/zero of=/tmp/dd bs=4k count=16 status=none && wc -c </tmp/dd
(flock -n 9 2>/dev/null; echo locked >&9) 9>/tmp/lock; cat /tmp/lock

# Redirections: files, descriptors, exec, noclobber, order, read with time limits and counts. Bash manual 3.6, 4.2 read.
echo one > f; echo two >> f; cat < f; cat f f > g; wc -l < g
{ echo out; echo err >&2; } > o 2> e; cat o e; ls none > both 2>&1; wc -l < both
{ echo a >&2; } 2>&1 > /dev/null; { echo lost; } > /dev/null 2>&1
exec 3> three; echo "to three" >&3; exec 3>&-; cat three; { echo closed >&3; } 2>/dev/null; echo "closed: $?"
exec 4<> rw; echo "read write" >&4; exec 4<&-; exec 4< rw; read -r l <&4; echo "$l"; exec 4<&-
exec {fd}> named; echo "number above 9: $((fd > 9))" ; echo x >&$fd; exec {fd}>&-; cat named
set -o noclobber; { echo x > f; } 2>/dev/null; echo "noclobber: $?"; echo forced >| f; cat f; set +o noclobber
exec 5>&1; exec > captured; echo "into a file"; exec >&5 5>&-; cat captured
read -r -n 3 part <<< abcdef; echo "$part"; read -r -d : part <<< "up to:here"; echo "$part"; read -ra words <<< "a b c"; echo "${#words[@]}"
read -r -t 0.05 x < <(sleep 2); [ $? -gt 128 ] && echo "timed out"; read -r x < /dev/null; echo "end of file: $?"
while read -r -u 7 line; do echo "7: $line"; done 7<<< $'x\ny'
echo "${x:-empty}" 2>&-; cat <&- 2>/dev/null; echo "closed input: $?"; echo x 2>/dev/null >&- ; echo "closed output: $?"
cat /dev/stdin <<< "dev stdin"; echo "dev stderr" 2>&1 > /dev/stderr | cat; echo y > /dev/fd/1
: > empty; [ -s empty ] || echo "empty"; echo no newline at end | tr -d '\n' > n; wc -lc < n
umask; umask 027; touch u; mkdir ud; stat -c '%a %n' u ud; umask -S; umask 022; (ulimit -n 25; ulimit -n); (ulimit -f 1; head -c 5000 /dev/zero > big) 2>/dev/null; stat -c %s big
dd if=/dev/zero of=sparse bs=1 count=1 seek=100000 2>/dev/null; stat -c %s sparse; printf 'abc' | dd of=f conv=notrunc bs=1 seek=2 2>/dev/null; cat f
printf 'line %s\n' {1..5000} > big2; head -2 big2; tail -1 big2; sed -n '2500p;2501q' big2; split -l 1000 big2 part-; ls part-* | wc -l; cat part-* | cmp - big2 && echo same

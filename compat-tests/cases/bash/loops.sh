# Many small processes and large loops. POSIX utilities.
# timeout: 120
for i in $(seq 1 60); do /bin/true || echo "failed"; done; echo "60 processes"
for i in $(seq 1 25); do echo "$i" | cat | cat > /dev/null; done; echo "25 pipelines"
n=0; while read -r a b c; do n=$((n + a * b + c)); done < <(for i in $(seq 1 2000); do echo "$i 2 3"; done); echo "$n"
total=0; for f in $(seq 1 16); do printf '%s\n' $(seq 1 50) > "file$f"; total=$((total + $(wc -l < "file$f"))); done; echo "$total"
awk 'BEGIN { for (i = 0; i < 200000; i++) s += i; print s }'
seq 1 3000 | awk '{ print $1 % 7 }' | sort | uniq -c | awk '{ print $2, $1 }'
seq 1 500 | xargs -n 10 echo | awk '{ s += NF } END { print s }'
sort -R <(seq 1 5000) | sort -n | md5sum
expr 1 + 1; echo 'scale' | sed 's/s/S/;s/e$/E/' ; cut -d: -f1 /etc/passwd | head -1; date -u -d @0 +%Y-%m-%dT%H:%M:%S; basename /a/b.c .c; dirname /a/b.c
md5sum <(cat file1 file2) | cut -c1-32; rm file*; ls

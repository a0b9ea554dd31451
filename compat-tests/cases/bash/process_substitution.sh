# Process substitution, in and out, several at once. Bash manual 3.5.6.
diff <(printf '1\n2\n3\n') <(printf '1\nx\n3\n'); echo "diff: $?"
cmp <(seq 1 5000) <(seq 1 5000) && echo equal
paste <(seq 1 3) <(seq 4 6) <(seq 7 9)
while read -r line; do count=$((count + 1)); done < <(seq 1 500); echo "count $count"
comm -12 <(printf 'a\nb\nc\n') <(printf 'b\nc\nd\n')
cat <(cat <(cat <(echo nested)))
echo "written" > >(cat > out); for i in $(seq 1 200); do [ -s out ] && break; sleep 0.01; done; cat out
printf '%s\n' one two | tee >(tr a-z A-Z > upper) > lower
for i in $(seq 1 200); do [ "$(wc -l < upper 2>/dev/null)" = 2 ] && break; sleep 0.01; done
cat lower upper
sort -m <(seq 1 2 9) <(seq 2 2 10) | paste -sd' ' -
mapfile -t lines < <(printf 'x\ny\nz\n'); echo "${#lines[@]} ${lines[1]}"
exec 5< <(echo "kept open"); read -r text <&5; echo "$text"; exec 5<&-
f() { cat "$1" "$2"; }; f <(echo first) <(echo second)

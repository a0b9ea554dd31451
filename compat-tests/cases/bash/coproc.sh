# Coprocesses. Bash manual 3.2.6.
coproc UPPER { while read -r line; do echo "${line^^}"; done; }
for word in one two three; do echo "$word" >&"${UPPER[1]}"; read -r answer <&"${UPPER[0]}"; echo "$answer"; done
p=$UPPER_PID; exec {UPPER[1]}>&-; wait "$p"; echo "status $?"
coproc { read -r a; read -r b; echo $((a + b)); exit 5; }
p=$COPROC_PID; { echo 20; echo 22; } >&"${COPROC[1]}"; read -r sum <&"${COPROC[0]}"; echo "sum $sum"
wait "$p"; echo "status $?"
coproc CALC { bash -c 'while read -r x; do echo $((x)); done'; }
for e in '1+1' '2**20' '7%4' '0x1f' '1<<10'; do echo "$e" >&"${CALC[1]}"; read -r r <&"${CALC[0]}"; echo "$e = $r"; done
kill "$CALC_PID"; wait "$CALC_PID" 2>/dev/null; echo "status $?"

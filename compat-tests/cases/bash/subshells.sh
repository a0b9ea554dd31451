# Subshells and command substitution: variables, cwd, exit, nesting, traps not passed on. Bash manual 3.7.3.
value=outer
(value=inner; echo "$value"; cd /; pwd); echo "$value"
(exit 42); echo "status $?"
echo "nested: $(echo a$(echo b$(echo c$(echo d))))"
lines=$(printf 'one\ntwo\n\n\n'); echo "[$lines]"
result=$(exit 7); echo "substitution: $?"
depth() { if [ "$1" -gt 0 ]; then (depth $(($1 - 1))); else echo "deep, BASH_SUBSHELL=$BASH_SUBSHELL"; fi; }
depth 8
trap 'echo EXIT of the outer' EXIT
(echo "inner has no trap")
(trap 'echo EXIT of the inner' EXIT; true)
[ "$$" = "$(echo $$)" ] && echo 'same $$'
[ "$BASHPID" != "$(echo $BASHPID)" ] && echo 'another $BASHPID'
sum=0; for i in $(seq 1 50); do sum=$((sum + $(echo "$i"))); done; echo "sum $sum"
big=$(seq 1 30000); echo "${#big}"
eval "$(echo 'evaluated=yes')"; echo "$evaluated"
f() { local x=local; echo "$x $(x=changed; echo $x) $x"; }; f
{ echo grouped; value=changed; }; echo "$value"
set -- a b c; (shift; echo "$*"); echo "$*"
(umask 077; touch private); stat -c %a private

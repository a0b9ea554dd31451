#!/usr/bin/bash
# Subshells are copies: nothing they change comes back.
cd /
x=1
(x=2; cd /tmp; echo "$x $PWD")
echo "$x $PWD"
echo "$(x=3; echo "$x")$x"
(exit 42)
echo "$?"
(trap 'echo inner' EXIT; true)
f() { local y=$1; (y=$((y + 1)); [ "$y" -lt 8 ] && f "$y" || echo "depth $y"); }
f 0
echo "$BASH_SUBSHELL $( (echo "$BASH_SUBSHELL") )"
(exec echo replaced)
( (sleep 0.05; echo later) & wait; echo waited)
a=(1 2 3)
(a+=(4); echo "${a[@]}")
echo "${a[@]}"
(exec 3>/tmp/sub; echo kept >&3)
cat /tmp/sub
{ echo "$BASHPID" | grep -qx "$$" && echo same; } || echo other
[ "$(echo "$BASHPID")" != "$$" ] && echo "a subshell has a pid of its own"

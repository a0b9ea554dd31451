# Arithmetic, globbing, arrays, strings, case, functions, printf: what needs no other process. Bash manual 3, 4, 6.
echo $((1 + 2 * 3)) $(( (1 + 2) * 3 )) $((2 ** 40)) $((-7 / 2)) $((-7 % 3)) $((0xff)) $((8#17)) $((1 << 40)) $((5 > 3 && 2 > 1))
i=5; echo $((i++ + ++i)) $i $((i > 6 ? 100 : 200)) $((9223372036854775807 + 1))
let 'x = 3 * 4'; echo "$x"; ((x > 10)) && echo "more than ten"
touch a1 a2 b1 .hidden 'with blank' '[odd]'; mkdir -p d/e/f; touch d/x d/e/y d/e/f/z
echo *; echo a*; echo [!a]*; echo ?1; echo .h*; echo 'with'*; echo \[*; echo none*
shopt -s nullglob; echo "[" none* "]"; shopt -s dotglob; echo *; shopt -u dotglob nullglob
shopt -s globstar extglob
echo d/**; echo @(a|b)1; echo !(a*|d|*\ *|*odd*); echo {a,b}{1..3} {a..e..2} {01..03}
arr=(one two "three four" five); echo "${#arr[@]} ${arr[2]} ${arr[-1]} ${arr[*]:1:2}"; arr+=(six); unset 'arr[1]'; echo "${!arr[@]}"; echo "${arr[@]/o/0}"
declare -A map=([x]=1 [y]=2); map[z]=3; for k in $(printf '%s\n' "${!map[@]}" | sort); do echo "$k=${map[$k]}"; done
s="Hello, World"; echo "${#s} ${s:7} ${s:0:5} ${s/World/there} ${s^^} ${s,,} ${s#*, } ${s%,*} ${s//o/0}"
unset u; echo "${u:-default} ${u:=assigned} $u ${u:+set}"; (: "${none:?must be set}") 2>/dev/null; echo "error: $?"
for w in apple Banana 42 ""; do case $w in [a-z]*) echo lower;; [A-Z]*) echo upper;; [0-9]*) echo number;; *) echo other;; esac; done
fact() { if (($1 < 2)); then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }; fact 12
printf '%5d|%-5s|%05.2f|%x|%q|%s\n' 42 ab 3.14159 255 'a b' end; printf '%s-' 1 2 3; echo
[[ abc == a* && abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"; [[ -d d && ! -e none && d/x -ot d/e/f/z || -f a1 ]] && echo tests
IFS=: read -r p q r <<< "1:2:3:4"; echo "$p $q $r"; IFS=,; echo "${arr[*]}"; unset IFS
set -- x y z; echo "$# $1 ${*:2}"; shift 2; echo "$1"; while getopts ab:c opt -a -b value -c; do echo "$opt ${OPTARG:-}"; done
n=0; while ((n < 20000)); do ((n++)); done; echo "$n"; until ((n <= 19990)); do ((n -= 3)); done; echo "$n"
for ((i = 0; i < 3; i++)); do for j in a b; do [ "$j" = b ] && continue 2; echo "$i$j"; done; done
select_test() { local -n ref=$1; ref=changed; }; v=old; select_test v; echo "$v"; readonly ro=1; (ro=2) 2>/dev/null; echo "readonly: $?"
mapfile -t -n 2 m <<< $'l1\nl2\nl3'; echo "${m[@]}"; echo "${BASH_VERSINFO[0]}" | grep -c '[45]'; type -t cd echo ls if

# Here-documents and here-strings, small and large. POSIX Shell 2.7.4; Bash manual 3.6.6, 3.6.7.
name=world
cat <<EOF
hello $name $(echo substituted) $((1 + 2)) \$escaped
EOF
cat <<'EOF'
hello $name $(not) \$as it is
EOF
cat <<-EOF
	tabs are dropped
		all of them
EOF
cat <<ONE; cat <<TWO
first
ONE
second
TWO
while read -r a b; do echo "$b-$a"; done <<EOF
1 one
2 two
EOF
cat <<< "here string of $name"
read -r first rest <<< "one two three"; echo "$first|$rest"
cat <<EOF | tr a-z A-Z
through a pipe
EOF
# Larger than a pipe's buffer.
long=$(seq 1 30000)
wc -l <<EOF
$long
EOF
md5sum <<< "$long"
f() { cat <<EOF
in a function: $1
EOF
}
f argument; f again
cat 3<<EOF <&3
by another descriptor
EOF
bash <<'EOF'
echo "a script from a here-document: $((6 * 7))"
exit 4
EOF
echo "status $?"

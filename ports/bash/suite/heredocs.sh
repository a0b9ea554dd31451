#!/usr/bin/bash
# Here-documents and here-strings, small and larger than a pipe.
name=world
cat <<END
hello $name $((6 * 7)) $(echo nested)
END
cat <<'END'
raw $name $(no)
END
cat <<-END
	tabs are
	stripped
	END
tr a-z A-Z <<<"a string"
cat <<ONE; cat <<TWO
first
ONE
second
TWO
big=$(seq 1 30000)
wc -c <<<"$big"
cat <<END | md5sum
$big
END
while read -r a b; do echo "$b $a"; done <<END
1 one
2 two
END
bash <<'END'
echo "a script from a here-document: $#"
END

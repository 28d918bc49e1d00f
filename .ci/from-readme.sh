#!/usr/bin/env bash
# Prints what README.md has in its code blocks between `<!-- NAME -->` and `<!-- /NAME -->`: those of one language, or
# all. So what is checked is what is read.
#
# usage: from-readme.sh NAME [LANGUAGE]
set -euo pipefail
readme=$(dirname "${BASH_SOURCE[0]}")/../README.md
name=${1:?usage: from-readme.sh NAME [LANGUAGE]} language=${2:-}

found=$(awk -v opening="<!-- $name -->" -v closing="<!-- /$name -->" -v language="$language" '
    $0 == opening { inside = 1; next }
    $0 == closing { inside = 0 }
    inside && /^```/ {
        if (block) { block = 0 } else { block = 1; wanted = (language == "" || $0 == "```" language) }
        next
    }
    inside && block && wanted { print }
' "$readme")
if [ -z "$found" ]; then
    echo "README.md has no code block ${language:+of $language }between <!-- $name --> and <!-- /$name -->" >&2
    exit 1
fi
printf '%s\n' "$found"

#!/bin/sh
# No file over 500 lines; no tabs or trailing blanks in sources.
set -eu
cd "${SOURCE:-.}"
bad=0
for file in $(find lib tools tests share .ci -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' -o -name '*.inc' -o -name '*.sh' -o -name '*.cmake'); do
  lines=$(wc -l <"$file")
  if [ "$lines" -gt 500 ]; then
    echo "$file: $lines lines; 500 are the most, find the part that is a file of its own"
    bad=1
  fi
done
if grep -rnE --include='*.cpp' --include='*.h' --include='*.cu' --include='*.inc' "$(printf '\t')" lib tools tests; then
  echo "tabs"
  bad=1
fi
if grep -rnE --include='*.cpp' --include='*.h' --include='*.cu' --include='*.inc' --include='*.sh' ' +$' lib tools tests; then
  echo "trailing blanks"
  bad=1
fi
exit $bad

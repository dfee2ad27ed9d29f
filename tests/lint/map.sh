#!/bin/sh
# docs/map.md has a sentence on each folder.
set -eu
cd "${SOURCE:-.}"
bad=0
for folder in lib/*/ tools/ share/*/ tests/*/ docs/*/; do
  [ -d "$folder" ] || continue
  folder=${folder%/}
  if ! grep -q "\`$folder/*\`" docs/map.md; then
    echo "docs/map.md says nothing about $folder"
    bad=1
  fi
done
exit $bad

#!/bin/sh
# Man pages are clean troff (where a man program is installed to say so).
set -eu
cd "${SOURCE:-.}"
if command -v groff >/dev/null; then
  for page in docs/man/*.[15]; do
    complaints=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
    if [ -n "$complaints" ]; then
      echo "$complaints"
      exit 1
    fi
  done
else
  echo "skipped: no groff"
  exit 77
fi

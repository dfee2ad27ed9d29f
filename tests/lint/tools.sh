#!/bin/sh
# Each tool has a source, a man page and a test that runs it; help and man page name the same options.
set -eu
: "${SOURCE:?}" "${BUILD:?}"
cd "$SOURCE"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0
complain() {
  echo "$*"
  bad=1
}

tools=$(sed -n 's/^set(RESNET_TOOLS \(.*\))$/\1/p' tools/CMakeLists.txt)
video=$(sed -n 's/^set(RESNET_VIDEO_TOOLS \(.*\))$/\1/p' tools/CMakeLists.txt)
[ -n "$tools" ] && [ -n "$video" ] || complain "tools/CMakeLists.txt: no list of tools found"
for source in tools/*.cpp; do
  name=$(basename "$source" .cpp)
  case " $tools $video " in *" $name "*) ;; *) complain "$source is not in the list of tools" ;; esac
done

for tool in $tools $video; do
  page=docs/man/$tool.1
  [ -f "tools/$tool.cpp" ] || complain "$tool: no tools/$tool.cpp"
  grep -lqs "$tool" tests/cli/*.sh || complain "$tool: no test in tests/cli/*.sh runs it"
  if [ ! -f "$page" ]; then
    complain "$tool: no $page"
    continue
  fi
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS "EXIT STATUS" EXAMPLES; do
    grep -qE "^\.SH \"?$section\"?\$" "$page" || complain "$page: no section $section"
  done
  if [ ! -x "$BUILD/bin/$tool" ]; then
    echo "$tool: not built, its options are not compared"
    continue
  fi
  # In the page options stand in the line after .TP; in --help they begin a line.
  awk '/^\.TP/ { getline; print }' "$page" | sed 's/\\-/-/g' |
    grep -oE '(^|[ ,])--[a-z0-9][a-z0-9-]*' | tr -d ' ,' | sort -u >"$scratch/page"
  "$BUILD/bin/$tool" --help | grep -E '^  (-.|    )' |
    grep -oE '^ +(-., )?--[a-z0-9][a-z0-9-]*' | grep -oE -e '--.*' | sort -u >"$scratch/help"
  [ -s "$scratch/help" ] || complain "$tool --help: no options found"
  for option in $(comm -23 "$scratch/help" "$scratch/page"); do
    complain "$page: $option is in --help but not here"
  done
  for option in $(comm -13 "$scratch/help" "$scratch/page"); do
    complain "$page: $option is not in $tool --help"
  done
done
exit $bad

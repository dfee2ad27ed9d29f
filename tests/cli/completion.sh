#!/bin/sh
# Completion for bash, as each tool makes it from its own parser.
. "${SOURCE:?}/tests/support/cli.sh"
command -v bash >/dev/null || exit 77
for path in "$BUILD"/bin/resnet-*; do
  tool=$(basename "$path")
  "$tool" --completion >"$tool.bash" || fail "$tool --completion: exit $?"
  cmp "$tool.bash" "$BUILD/completions/$tool" || fail "$tool: what was built is another"
  "$tool" --help | grep -oE '^ +(-., )?--[a-z0-9][a-z0-9-]*' | grep -oE -e '--.*' | sort -u >help
  # What bash would offer after "TOOL --".
  bash -c "source ./$tool.bash; COMP_WORDS=($tool --); COMP_CWORD=1; _$(echo "$tool" | tr - _)
    printf '%s\n' \"\${COMPREPLY[@]}\"" | sort -u >offered
  missing=$(comm -23 help offered)
  [ -z "$missing" ] || fail "$tool: not offered: $missing"
done
offer() { # offer TOOL WORD...: what completes the last of the words
  tool=$1
  bash -c "source ./$tool.bash; shift 0; COMP_WORDS=(\"\$@\"); COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
    _$(echo "$tool" | tr - _); printf '%s ' \"\${COMPREPLY[@]}\"" bash "$@"
}
[ "$(offer resnet-train --optimizer ad)" = "adam adamw " ] || fail "$(offer resnet-train --optimizer ad)"
[ "$(offer resnet-train --shortcut conv)" = "conv conv_bn " ] || fail "$(offer resnet-train --shortcut conv)"
[ "$(offer resnet-train --batch 1)" = " " ] || fail "$(offer resnet-train --batch 1)"
touch model.h5
[ "$(offer resnet-eval mod)" = "model.h5 " ] || fail "$(offer resnet-eval mod)"
[ "$(offer resnet-train --init mod)" = "model.h5 " ] || fail "$(offer resnet-train --init mod)"

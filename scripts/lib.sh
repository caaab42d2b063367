# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the scripts share: saying what happens, and running a noisy command with its output in a log that
# is shown only when the command fails. Sourced from the repository's root.
logs=build/logs
mkdir -p "$logs"

say() { printf '== %s\n' "$*"; }

die() { printf 'error: %s\n' "$1" >&2; exit "${2:-1}"; }

# quietly NAME COMMAND...: the output goes to build/logs/NAME.log
quietly() {
  local name=$1 log="$logs/$1.log" status=0
  shift
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" != 0 ]; then
    tail -n "${CAMEO_LOG_LINES:-40}" "$log" >&2
    die "$name failed with status $status (whole log: $log)" "$status"
  fi
}

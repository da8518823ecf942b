#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A step of a pipeline that ends well only if the shadow may be promoted.
#
#   SOURCE="--prometheus http://prometheus:9090" MIRROR=v2 examples/gates/verdict.sh
#
# HOLD means that there are too few samples so far: it looks again, ROUNDS times, PAUSE seconds apart.
set -uo pipefail
SOURCE=${SOURCE:---envoy http://127.0.0.1:9901}
ROUNDS=${ROUNDS:-12}
PAUSE=${PAUSE:-300}

for round in $(seq "$ROUNDS"); do
  # shellcheck disable=SC2086 # several words on purpose
  cargo verdict $SOURCE ${MIRROR:+--mirror "$MIRROR"} --html verdict.html
  code=$?
  case $code in
    0) exit 0 ;;                                    # PROMOTE
    1) exit 1 ;;                                    # REJECT
    2) ;;                                           # HOLD
    3) echo "the set-up is at fault, which waiting does not change" >&2; exit 3 ;;
    *) echo "no verdict (exit code $code)" >&2; exit "$code" ;;
  esac
  [ "$round" -eq "$ROUNDS" ] || sleep "$PAUSE"
done
echo "still HOLD after $ROUNDS looks: more traffic, or a wider limit" >&2
exit 2

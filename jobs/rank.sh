#!/bin/bash
# rank.sh FILE COMMAND...: a task that srun starts. The first one leaves its exit code in FILE: srun may end with 0 though it
# could not start the tasks. Signals reach all processes of a task, so this shell only has to outlive them.
trap : USR1 TERM INT
"${@:2}"
code=$?
if [ "${SLURM_PROCID:-0}" = 0 ]; then echo $code >"$1"; fi
exit $code

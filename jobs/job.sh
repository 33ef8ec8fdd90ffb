# shellcheck shell=bash
# job.sh: what the job scripts share; they source it. Here is decided whether a job goes on, ends, or stops.
#
# Slurm keeps a copy of a job script elsewhere, so the folder of this one is found by RINGRNN_HOME (jobs/site.env sets it),
# or is jobs/ below the folder that sbatch was called in.

job_not_started=200 # a code that no launcher has

# What Slurm's commands are to call it. The number of one job of an array may be that of the array, which means all of them.
job_name=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID:-}}
job_name=${job_name:-${SLURM_JOB_ID:-?}}

job_say() { echo "job $job_name: $*" >&2; }

job_stop() { # CODE MESSAGE...
    job_say "${*:2}"
    exit "$1"
}

# The site's modules and network, and settings that any cluster wants. Those of the environment come first.
job_setup() {
    job_warned='' job_ended='' job_launcher='' # Slurm's signals may come at any time
    trap 'job_interrupted=1 job_warned=1; [ -z "$job_launcher" ] || kill -USR1 "$job_launcher"' USR1
    trap 'job_interrupted=1 job_ended=1' TERM
    job_home=${RINGRNN_HOME:-$SLURM_SUBMIT_DIR}
    local site=${RINGRNN_SITE:-$job_home/jobs/site.env}
    # shellcheck source=/dev/null
    if [ -e "$site" ]; then . "$site"; fi
    if [ "$(type -t ringrnn_site_modules)" = function ]; then
        ringrnn_site_modules || job_stop 2 "the modules of $site cannot be loaded: mend ringrnn_site_modules there"
    fi
    if [ -z "${RINGRNN:-}" ] && [ -x "$job_home/build/release/ringrnn" ]; then RINGRNN=$job_home/build/release/ringrnn; fi
    RINGRNN=${RINGRNN:-ringrnn}
    command -v "$RINGRNN" >/dev/null ||
        job_stop 2 "no program $RINGRNN here: set RINGRNN in $site to its path on a file system that all nodes see"
    # mpirun would notice a silent node after six minutes: idle for so long, then that often, so many seconds apart.
    export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-20}
    export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-4}
    export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-5}
    # shellcheck disable=SC2034 # for the job scripts
    job_threads=(${SLURM_CPUS_PER_TASK:+--set "dist.threads_per_rank=$SLURM_CPUS_PER_TASK"})
}

# Sets job_arguments. --resume is for the first start: "never" or a file, said again, would undo what came after.
job_resume() { # ARGUMENTS...
    job_arguments=()
    while [ $# -gt 0 ]; do
        if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && [ "$1" = --resume ] && [ $# -gt 1 ]; then
            shift
        elif [ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] || [ "${1%%=*}" != --resume ]; then
            job_arguments+=("$1")
        fi
        shift
    done
}

# The launchers: one rank a task, on the processors that Slurm gave it.
job_mpirun() { # COMMAND...
    command -v mpirun >/dev/null || job_stop 2 "no mpirun here: load Open MPI in ringrnn_site_modules of jobs/site.env"
    # shellcheck disable=SC2086 # options are words
    job_run mpirun ${RINGRNN_MPIRUN_OPTIONS---map-by slot:PE=${SLURM_CPUS_PER_TASK:-1} --bind-to core} "$@"
}

job_srun() { # COMMAND...
    local file
    file=$(job_file code)
    rm -f "$file"
    # srun alone would leave the other ranks waiting for one that was killed.
    # shellcheck disable=SC2086 # options are words
    job_run srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
        ${RINGRNN_SRUN_OPTIONS---cpu-bind=cores} bash "$job_home/jobs/rank.sh" "$file" "$@"
    if [ "$job_code" -eq 0 ] && [ ! -e "$file" ]; then job_code=$job_not_started; fi
    rm -f "$file"
}

# Runs a launcher and sets job_code. The warning, USR1 to this shell, goes on to all ranks, which save and end with 75.
# If they have not RINGRNN_SAVE_SECONDS later (a rank hangs, a link is cut), the launcher is killed: the last checkpoint has to
# do. A shell sees to its signals only between commands, hence "&" and "wait".
job_run() { # COMMAND...
    timeout --foreground --signal="${job_signal:-USR1}" --kill-after="${RINGRNN_SAVE_SECONDS:-90}" "${job_seconds:-0}" "$@" &
    job_launcher=$!
    if [ -n "$job_warned" ]; then kill -USR1 "$job_launcher"; fi
    while :; do
        job_interrupted=''
        wait "$job_launcher"
        job_code=$?
        if [ -z "$job_interrupted" ]; then break; fi
    done
    job_launcher=''
}

# What a job keeps for itself, beside its output: "faults", how often in a row it was started again after one; "code".
job_file() { echo "$SLURM_SUBMIT_DIR/.ringrnn-job-$SLURM_JOB_ID.$1"; }

# Preempted, or by a hand, it may have been queued again already: Slurm has counted one more start than this one knows of.
job_queued_again() {
    local restarts
    restarts=$(scontrol show job "$job_name" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')
    [ "${restarts:-0}" -gt "${SLURM_RESTART_COUNT:-0}" ]
}

job_again() { # WHY...
    job_say "$*; queued again, to go on from the last checkpoint"
    trap - TERM # by which Slurm ends a job that it requeues, scontrol and all
    scontrol requeue "$job_name" || job_queued_again ||
        job_stop 75 "Slurm does not requeue it (see above): submit the same command again, and it goes on"
    # An end of its own might be told late, and count as that of the next start.
    exec sleep 600
}

job_fault() { # WHY...
    local file count=0
    file=$(job_file faults)
    if [ -e "$file" ]; then read -r count <"$file"; fi
    count=$((count + 1))
    if [ "$count" -gt "${RINGRNN_MAX_FAULTS:-3}" ]; then
        rm -f "$file"
        job_stop 1 "$*, and so it did $((count - 1)) times before: stopped. Look for the cause above and in the nodes' logs" \
            "(memory: seff $SLURM_JOB_ID); the same command goes on from the last checkpoint"
    fi
    echo "$count" >"$file"
    job_again "$* (fault $count of at most ${RINGRNN_MAX_FAULTS:-3} in a row)"
}

# The end of a job that can go on.
job_finish() {
    case $job_code in
    0)
        rm -f "$(job_file faults)"
        job_say "done"
        exit 0
        ;;
    2) job_stop 2 "the input is wrong, as the message above says: mend it, and submit again" ;;
    3)
        job_stop 3 "the loss or a gradient is not finite, see above: lower optim.lr or set train.max_grad_norm under another" \
            "run.name; or go on from an earlier checkpoint with --resume FILE"
        ;;
    126 | 127) job_stop "$job_code" "the launcher or $RINGRNN cannot be started: see RINGRNN and ringrnn_site_modules in jobs/site.env" ;;
    esac
    # Slurm ends this job: cancelled, preempted or requeued, and in the last two cases it starts it again itself. A launcher
    # then says anything from 1 to 143. Only a time limit that has struck though a warning was given is our own to mend.
    if [ -n "$job_ended" ] && [ -z "$job_warned" ]; then
        job_stop 143 "ended by Slurm (launcher: $job_code); if it was not cancelled, it goes on from the last checkpoint"
    fi
    if [ "$job_code" -eq 75 ]; then
        rm -f "$(job_file faults)"
        job_again "stopped and saved in time"
    fi
    if [ -n "$job_warned" ]; then job_again "not saved in time (launcher: $job_code)"; fi
    case $job_code in
    137) job_fault "a rank or the launcher was killed" ;;
    143) job_fault "a rank or the launcher was told to end" ;;
    "$job_not_started") job_fault "srun did not start the ranks" ;;
    205) job_fault "a node, or Open MPI's daemon there, was lost" ;;
    134 | 135 | 136 | 139)
        job_stop "$job_code" "the program crashed (signal $((job_code - 128))): please report it with the output above;" \
            "the same command goes on from the last checkpoint"
        ;;
    *) job_stop "$job_code" "it failed, see above for what to do; the same command goes on from the last checkpoint" ;;
    esac
}

"""What a job makes of its launcher's exit code, with launchers and Slurm's commands that only say what they are told to."""

import os
import signal
import subprocess
import time
import unittest

from harness import SOURCE, Case, environment

# Ends with $CODE, at once or (a number of seconds, $SECONDS_TO_END) after a signal; under srun a first task may say how it ended.
LAUNCHER = """#!/bin/bash
echo "$0 $*" >>"$FOLDER/called"
[ "${0##*/}" != srun ] || [ -z "$RANK_SAYS" ] || echo "$RANK_SAYS" >"$FOLDER/.ringrnn-job-7.code"
[ -z "$WAIT_FOR" ] || { trap '' USR1; trap 'exit $CODE' "$WAIT_FOR"; : >"$FOLDER/started"; for i in {1..300}; do sleep 0.1; done; }
exit "$CODE"
"""
# Slurm ends a job that it has queued again.
SLURM = """#!/bin/bash
echo "$0 $*" >>"$FOLDER/called"
[ "$1" != show ] || echo "JobId=7 JobState=COMPLETING Requeue=1 Restarts=${RESTARTS:-0} BatchFlag=1"
[ "$1" != requeue ] || { pid=$(<"$FOLDER/pid"); for i in {1..100}; do sleep 0.1; kill -TERM "$pid" || break; done >/dev/null 2>&1 & }
[ "$1" != requeue ] || [ -z "$REFUSED" ]
"""


ENDED = -signal.SIGTERM  # by Slurm, which has queued the job again


class JobCodes(Case):
    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        for name, text in (("mpirun", LAUNCHER), ("srun", LAUNCHER), ("scontrol", SLURM)):
            with open(os.path.join(self.bin, name), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(os.path.join(self.bin, name), 0o755)

    def start(self, code, job="train", arguments=("my.yaml",), **variables):
        env = environment({"PATH": f"{self.bin}:/usr/bin:/bin", "FOLDER": self.folder, "CODE": str(code), "SLURM_JOB_ID": "7",
                           "SLURM_SUBMIT_DIR": self.folder, "RINGRNN_HOME": SOURCE, "RINGRNN_SITE": os.path.join(self.folder, "none"),
                           "WAIT_FOR": "", "RANK_SAYS": str(code), "REFUSED": "", "RINGRNN": "true", **variables})
        # The shell tells its number before it becomes the job.
        program = ["bash", "-c", 'echo $$ >"$FOLDER/pid"; exec bash "$@"', "bash", os.path.join(SOURCE, "jobs", f"{job}.sbatch"), *arguments]
        process = subprocess.Popen(program, env=env, text=True, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def called(self):
        with open(os.path.join(self.folder, "called"), encoding="utf-8") as file:
            text = file.read()
        os.remove(os.path.join(self.folder, "called"))
        return text

    def check(self, process, code, says, again):
        _, error = process.communicate(timeout=30)
        self.assertEqual(process.returncode, code, error)
        self.assertIn(says, error)
        called = self.called()
        self.assertEqual("requeue 7" in called, again, called + error)
        return called

    def test_each_code_ends_the_job_or_queues_it_again(self):
        for job in ("train", "train-srun"):
            for code, ends, says, again in ((0, 0, "done", False), (75, ENDED, "saved in time", True), (2, 2, "mend it", False),
                                            (3, 3, "not finite", False), (1, 1, "failed", False), (139, 139, "crashed (signal 11)", False),
                                            (127, 127, "cannot be started", False), (137, ENDED, "was killed (fault 1", True)):
                with self.subTest(job=job, code=code):
                    self.check(self.start(code, job), ends, says, again)

    def test_a_lost_node_queues_the_job_again_but_not_for_ever(self):
        for fault in (1, 2, 3):
            self.check(self.start(205), ENDED, f"fault {fault} of at most 3", True)
        self.check(self.start(205), 1, "3 times before", False)
        self.check(self.start(205), ENDED, "fault 1 of", True)  # submitted again
        self.check(self.start(75), ENDED, "saved in time", True)
        self.check(self.start(205), ENDED, "fault 1 of", True)  # not in a row

    def test_srun_that_started_nothing_and_says_0_is_not_believed(self):
        self.check(self.start(0, "train-srun", RANK_SAYS=""), ENDED, "did not start", True)

    def signalled(self, number, code, says, ends, again, **variables):
        process = self.start(code, **variables)
        while not os.path.exists(os.path.join(self.folder, "started")):
            self.assertIsNone(process.poll())
        os.remove(os.path.join(self.folder, "started"))
        time.sleep(1)  # timeout, between the two, has started the launcher, but may not know its number yet
        process.send_signal(number)
        self.check(process, ends, says, again)

    def test_a_warning_goes_to_the_launcher(self):
        self.signalled(signal.SIGUSR1, 75, "saved in time", ENDED, True, WAIT_FOR="USR1")
        self.signalled(signal.SIGUSR1, 1, "not saved in time (launcher: 1)", ENDED, True, WAIT_FOR="USR1")
        self.signalled(signal.SIGUSR1, 0, "done", 0, False, WAIT_FOR="USR1")

    def test_a_launcher_that_does_not_end_is_killed(self):
        self.signalled(signal.SIGUSR1, 75, "not saved in time (launcher: 137)", ENDED, True, WAIT_FOR="USR2", RINGRNN_SAVE_SECONDS="0.5")

    def test_where_slurm_refuses_to_queue_it_again_the_message_says_what_to_do(self):
        self.check(self.start(75, REFUSED="1"), 75, "submit the same command again", True)

    def test_what_slurm_has_queued_again_already_is_left_to_it(self):
        """Preempted, say, while it saved: Slurm then refuses, but has counted a start more than the job knows of."""
        self.check(self.start(75, REFUSED="1", RESTARTS="3", SLURM_RESTART_COUNT="2"), ENDED, "saved in time", True)
        self.check(self.start(75, REFUSED="1", RESTARTS="3", SLURM_RESTART_COUNT="3"), 75, "submit the same command again", True)

    def test_one_job_of_an_array_does_not_queue_the_others_again(self):
        """The last one has the number of the array, which means all of them to Slurm."""
        _, error = self.start(75, SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="3").communicate(timeout=30)
        self.assertRegex(self.called(), "scontrol requeue 7_3\n", error)

    def test_resume_is_for_the_first_start(self):
        arguments = ("my.yaml", "--resume", "never", "--set", "run.name=a")
        self.assertIn("my.yaml --resume never --set run.name=a", self.check(self.start(0, arguments=arguments), 0, "done", False))
        called = self.check(self.start(0, arguments=arguments, SLURM_RESTART_COUNT="1"), 0, "done", False)
        self.assertIn("train my.yaml --set run.name=a", called)

    def test_threads_follow_the_processors_of_a_task(self):
        called = self.check(self.start(0, SLURM_CPUS_PER_TASK="4"), 0, "done", False)
        self.assertIn("--map-by slot:PE=4", called)
        self.assertIn("--set dist.threads_per_rank=4", called)

    def test_usage_and_a_missing_program_end_with_2(self):
        process = self.start(0, arguments=())
        self.assertIn("usage: sbatch", process.communicate(timeout=60)[1])
        self.assertEqual(process.returncode, 2)
        process = self.start(0, RINGRNN="no-such-program")
        self.assertIn("set RINGRNN in", process.communicate(timeout=60)[1])
        self.assertEqual(process.returncode, 2)


if __name__ == "__main__":
    unittest.main()

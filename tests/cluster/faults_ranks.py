"""A rank, or mpirun, is killed, stopped, slow, without memory or with other data: on one host, without root."""

import os
import signal
import time
import unittest

from faults import ALL, PATIENCE_S, TIMEOUT_S, WAYS, FaultCase, pairs
from harness import PROGRAM, state_hash


class Dead(FaultCase):
    def test_a_rank_that_is_killed_or_stopped_ends_the_job_and_is_named(self):
        """Killed: mpirun says so. Stopped: those who wait for it do."""
        waits = r"ringrnn: rank \d \(host \S+\), .* waits since .* silent meanwhile: .*rank %d \(host \S+\)"
        for fault, rank, way in pairs(("kill -9", "SIGSTOP"), (0, 2), list(WAYS) if ALL else ["auto", "sharded"]):
            with self.subTest(fault=fault, rank=rank, way=way):
                kills = fault == "kill -9"
                number = signal.SIGKILL if kills else signal.SIGSTOP
                self.disturb(f"{fault} of rank {rank}, {way}", way, lambda _, rank=rank, number=number: self.signal_rank(rank, number), 45,
                             (137 if kills else 1,), [rf"rank {rank} .*exited on signal 9" if kills else waits % rank],
                             dist__timeout_s=TIMEOUT_S)

    def test_kill_9_of_mpirun_ends_the_ranks(self):
        self.disturb("kill -9 of mpirun", "auto", lambda process: process.kill(), 30, (-signal.SIGKILL,))


class Slow(FaultCase):
    def test_a_rank_that_is_stopped_for_less_goes_on(self):
        def act(_):
            self.signal_rank(1, signal.SIGSTOP)
            time.sleep(3)
            self.signal_rank(1, signal.SIGCONT)

        self.disturb("SIGSTOP of a rank for 3 s", "auto", act, PATIENCE_S, (0,), dist__timeout_s=30)

    def test_a_job_that_is_suspended_whole_goes_on(self):
        """As by `scontrol suspend`: longer than timeout_s, but nobody could have worked."""
        def act(_):
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for rank in range(self.ranks):
                    self.signal_rank(rank, number)
                time.sleep(TIMEOUT_S + 2 if number == signal.SIGSTOP else 0)

        self.disturb("all ranks stopped for longer than timeout_s", "auto", act, PATIENCE_S, (0,), dist__timeout_s=TIMEOUT_S)

    def test_a_rank_that_works_for_longer_than_timeout_s_is_waited_for(self):
        values = {**WAYS["auto"], "dist__timeout_s": 2}
        _, err = self.complete("r-auto", values, {"RINGRNN_FAULT": "pause:1:50"})
        self.assertRegex(err, r"rank 2 \(host \S+\), training \(step 50\), waits .* rank 1 \(host \S+\) is at work, so the job goes on")
        self.complete("whole", WAYS["auto"])
        self.assertEqual(state_hash(self.path("r-auto")), state_hash(self.path("whole")))


class Memory(FaultCase):
    def launch_with_less(self, rank, kilobytes):
        def launch(arguments):
            line = super(Memory, self).launch(arguments)
            shell = ["sh", "-c", f'[ "$OMPI_COMM_WORLD_RANK" != {rank} ] || ulimit -v {kilobytes}; exec "$@"', "sh"]
            at = line.index(PROGRAM)
            return [*line[:at], *shell, *line[at:]]

        return launch

    def test_a_rank_without_memory_is_named_and_all_leave(self):
        """Nothing is allocated in a step: memory runs out when the run is set up, on one rank alone."""
        large = {"model__hidden_size": 3000}  # gradients alone: 580 MB; the program and MPI before that: some 400 MB
        plain = {"RINGRNN_PRETEND_ROOM": "0"}  # Open MPI crashes where it cannot map the memory that ranks share
        start = time.monotonic()
        _, err = self.complete("r", large, plain, self.launch_with_less(2, 900_000), expect=1)
        self.assertLess(time.monotonic() - start, 100)
        self.assertRegex(err, r"ringrnn: rank 2 \(\S+\): .*memory")
        self.assertEqual(err.count("ringrnn: "), 1, err)


class Data(FaultCase):
    def test_other_data_on_one_rank_is_refused_and_the_rank_is_named(self):
        """Of a path that each rank finds in its own place, as with disks of the hosts."""
        for rank in range(self.ranks):
            with open(os.path.join(self.folder, f"text{rank}"), "w", encoding="utf-8") as file:
                file.write(("To" if rank == 1 else "to") + " be or not to be, that is the question. " * 200)

        def launch(arguments):
            line = super(Data, self).launch(arguments)
            at = line.index(PROGRAM)
            shell = ["sh", "-c", 'exec "$@" --set data.train="$TEXT$OMPI_COMM_WORLD_RANK"', "sh"]
            return [*line[:at], *shell, *line[at:]]

        text = {"TEXT": os.path.join(self.folder, "text")}
        _, err = self.complete("r", {}, text, launch, expect=1)
        self.assertRegex(err, r"the data that the ranks read differ between ranks: rank 1 \(host \S+\) differs")
        os.remove(os.path.join(self.folder, "text1"))
        _, err = self.complete("r", {}, text, launch, expect=2)
        self.assertRegex(err, r"ringrnn: rank 1 \(\S+\): .*text1.*No such file")


if __name__ == "__main__":
    unittest.main()

"""Hosts with a network between them: a daemon dies, a cable is cut, a host is without power."""

import os
import signal
import sys
import tempfile
import time
import unittest

import hosts
from faults import ALL, PATIENCE_S, TIMEOUT_S, FaultCase, pairs

MISSING = hosts.why_not()
RUN_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
               "OPENBLAS_NUM_THREADS": "1"}
SAYS_WHO = r"ringrnn: rank \d \(host \S+\), .* waits since .* silent meanwhile: .*rank %d \(host %s\)"


@unittest.skipIf(MISSING, MISSING)
class Network(FaultCase):
    """Ranks 0 and 1 on node1, where mpirun is, 2 on node2, 3 on node3. Steps take longer than on one host: fewer will do."""

    steps = 150
    disturbed_from = 14

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="rr-hosts-")
        self.addCleanup(folder.cleanup)
        self.hosts = hosts.Hosts(3, folder.name)
        self.hosts.set_up()
        self.addCleanup(self.hosts.close)
        self.options = ()

    def launch(self, arguments):
        return self.hosts.mpirun((2, 1, 1), *arguments, options=self.options)

    def begin(self, name, values, env=None, launch=None):
        return super().begin(name, values, {**RUN_AS_ROOT, **(env or {})}, launch)

    def renew(self):
        """Hosts in their first state; what the fault left on them is gone."""
        self.hosts.close()
        self.hosts.set_up()
        self.options = ()

    def test_kill_9_of_a_rank_on_another_host(self):
        self.disturb("hosts: kill -9 of a rank", "auto", lambda _: self.signal_rank(3, signal.SIGKILL), 30, (137,),
                     ["rank 3 .* on node node3 exited on signal 9"])

    def test_kill_9_of_a_daemon_ends_the_job_and_its_host_is_named(self):
        for node in ("node2", "node3") if ALL else ("node3",):
            with self.subTest(node):
                self.disturb(f"hosts: kill -9 of orted on {node}", "auto", lambda _, node=node: self.kill_daemon(node), 30, (205,), [node])

    def kill_daemon(self, node):
        daemons = self.hosts.pids(node, "orted")
        self.assertTrue(daemons)
        for pid in daemons:
            os.kill(pid, signal.SIGKILL)

    def test_a_cable_that_is_cut_for_3_s_is_waited_for(self):
        def act(_):
            self.hosts.cut("node3")
            time.sleep(3)
            self.hosts.mend("node3")

        self.disturb("hosts: link cut for 3 s", "auto", act, PATIENCE_S, (0,), dist__timeout_s=30)

    def test_a_lost_host_ends_the_job_and_is_named(self):
        """By mpirun, where it looks for its daemons; else the ranks leave, and `timeout -k` is there to end mpirun."""
        for loss, finder, way in pairs(("cut", "crash"), ("mpirun", "watchdog"), ("auto", "ring", "mpi", "sharded") if ALL else ("auto", "sharded")):
            with self.subTest(loss=loss, finder=finder, way=way):
                watched = finder == "watchdog"
                self.options = () if watched else hosts.KEEPALIVE

                def act(process, loss=loss, watched=watched):
                    getattr(self.hosts, loss)("node3")
                    if watched:
                        hosts.wait_until(lambda: not self.rank_pids(), TIMEOUT_S + 30, "ranks are still there")
                        process.kill()

                self.disturb(f"hosts: {loss} of node3, found by {finder}, {way}", way, act, 60, (-signal.SIGKILL if watched else 205,),
                             [SAYS_WHO % (3, "node3") if watched else "node3"], after=self.renew,
                             dist__timeout_s=TIMEOUT_S if watched else 300)


if __name__ == "__main__":
    if MISSING:
        print("skipped:", MISSING)
        sys.exit(77)
    unittest.main()

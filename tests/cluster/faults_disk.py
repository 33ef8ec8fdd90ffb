"""The disk of the run is full, read-only or slow, and a rank dies while a checkpoint is written."""

import os
import signal
import subprocess
import unittest

from faults import SLOW_DISK, WAYS, FaultCase
from harness import state_hash
from hosts import can_enter_namespaces, wait_until


def mounts():
    """Whether this process may mount file systems in namespaces of its own."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                                                check=False).returncode == 0 and can_enter_namespaces()


@unittest.skipUnless(mounts(), "a disk of its own needs root, and no chroot")
class Disk(FaultCase):
    """The run folder lies on a file system of a few MiB, of a mount namespace of this test."""

    def setUp(self):
        super().setUp()
        self.runs = os.path.join(self.folder, "runs")
        os.mkdir(self.runs)
        script = f"mount -t tmpfs -o size=8m disk '{self.runs}' && echo ready && exec sleep infinity"
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.holder.communicate)
        self.addCleanup(self.holder.kill)
        self.assertEqual(self.holder.stdout.readline(), "ready\n")

    def inside(self, *command):
        return ["nsenter", "--target", str(self.holder.pid), "--mount", *command]

    def launch(self, arguments):
        return self.inside(*super().launch(arguments))

    def path(self, name, file="last.safetensors"):
        """As it is seen from outside."""
        return os.path.join("/proc", str(self.holder.pid), "root", super().path(name, file).lstrip("/"))

    def in_the_disk(self, script):
        subprocess.run(self.inside("sh", "-c", script), check=True)

    def test_a_full_disk_ends_the_run_and_what_was_saved_is_good(self):
        full = os.path.join(self.runs, "full")
        self.disturb("disk full", "auto", lambda _: self.in_the_disk(f"cat /dev/zero >'{full}' 2>'{self.runs}/said' || true"), 60, (1,),
                     [r"ringrnn: rank 0 \(\S+ ?\S+\): .*No space left on device"], after=lambda: self.in_the_disk(f"rm '{full}'"))

    def test_a_disk_that_becomes_read_only_ends_the_run(self):
        # The file system cannot change while files are open for writing; a second mount of it over the first can be read-only.
        read_only = f"mount --bind '{self.runs}' '{self.runs}' && mount -o remount,bind,ro '{self.runs}'"
        self.disturb("disk read-only", "auto", lambda _: self.in_the_disk(read_only), 60, (1,),
                     [r"ringrnn: rank 0 \(\S+ ?\S+\): .*Read-only file system"],
                     after=lambda: self.in_the_disk(f"umount '{self.runs}'"))

    def test_a_disk_that_is_read_only_from_the_start_is_refused(self):
        self.in_the_disk(f"mount -o remount,ro '{self.runs}'")
        _, err = self.complete("r", WAYS["auto"], expect=1)
        self.assertRegex(err, r"ringrnn: .*Read-only file system")


@unittest.skipUnless(SLOW_DISK, "needs the preloaded library that makes a disk slow")
class Slow(FaultCase):
    def env(self, seconds):
        return {"LD_PRELOAD": SLOW_DISK, "SLOW_DISK_S": str(seconds)}

    def test_a_slow_disk_is_waited_for(self):
        """Longer than timeout_s at every checkpoint."""
        values = {"train__max_steps": 30, "ckpt__every_steps": 20}
        self.complete("fast", values)
        self.complete("slow", {**values, "dist__timeout_s": 1}, self.env(0.5))
        self.assertEqual(state_hash(self.path("slow")), state_hash(self.path("fast")))

    def test_kill_9_while_a_checkpoint_is_written(self):
        folder = os.path.join(self.folder, "runs", "r", "checkpoints")

        def is_writing():
            return self.step_of("r") >= 7 and any(".tmp." in name for name in os.listdir(folder))

        process = self.begin("r", WAYS["auto"], self.env(0.3))
        wait_until(lambda: is_writing() or process.poll() is not None, 60, "no checkpoint is written")
        self.signal_rank(0, signal.SIGKILL)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 137)
        self.assertTrue(any(".tmp." in name for name in os.listdir(folder)), "it was not killed while it wrote")
        self.goes_on("r", "auto")
        self.assertFalse(any(".tmp." in name for name in os.listdir(folder)), "what was half written is still there")


if __name__ == "__main__":
    unittest.main()

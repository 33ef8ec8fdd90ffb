"""The doctor says what the system says, and finds what was planted."""

import json
import os
import subprocess
import unittest

from harness import PROGRAM, Case, command, environment, run

WORDS = ("fine", "warning", "broken")


def doctor(*arguments, ranks=None, env=None, expect=0, cwd=None):
    result = run(["doctor", "--json", *arguments], ranks, env, cwd=cwd)
    if result.returncode != expect:
        raise AssertionError(f"{result.returncode}: {result.stdout}\n{result.stderr}")
    return json.loads(result.stdout)


def findings(report, check, level=None):
    return [f["text"] for f in report["findings"] if f["check"] == check and level in (None, f["level"])]


class Doctor(Case):
    def plain(self, *arguments, **values):
        """The small configuration, in a folder of this test's own."""
        return [self.config, *self.settings(run__dir=os.path.join(self.folder, "runs"), **values), *arguments]

    def test_facts_are_those_of_the_system(self):
        report = doctor(cwd=self.folder)
        allowed = sorted(os.sched_getaffinity(0))
        cores = {min(int(n) for n in open(f"/sys/devices/system/cpu/cpu{t}/topology/thread_siblings_list", encoding="utf-8")
                     .read().replace("-", ",").split(",")) if os.path.exists(f"/sys/devices/system/cpu/cpu{t}/topology") else t
                 for t in allowed}
        self.assertEqual(report["cores"]["ranks_of_nodes"], [{"rank": 0, "node": 0, "cores": len(cores)}])
        self.assertEqual(report["cores"]["hardware_threads"], os.sysconf("SC_NPROCESSORS_ONLN"))
        with open("/proc/meminfo", encoding="utf-8") as file:
            memory = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in file if line.split()[-1] == "kB"}
        self.assertAlmostEqual(report["memory"]["host_mib"] / memory["MemTotal"], 1, places=3)
        self.assertLess(abs(report["memory"]["available_mib_min"] - memory["MemAvailable"]), 0.3 * memory["MemTotal"])
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpuinfo = file.read()
        flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), [])
        best = "AVX-512" if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags) else \
            "AVX2" if {"avx2", "fma"} <= set(flags) else "portable"
        self.assertEqual(report["processor"]["isa_best"], best)
        if report["processor"]["model"] != "a processor without a name":
            self.assertIn(report["processor"]["model"], cpuinfo)
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.folder], capture_output=True, text=True, check=True).stdout
        if kind[:3] in ("ext", "xfs", "btr", "tmp", "ove", "nfs"):  # stat says ext2/ext3 of ext4, overlayfs of overlay
            self.assertEqual(report["files"]["file_system"].split()[0][:3], kind[:3])
        self.assertEqual((report["launch"]["mpi"], report["files"]["saves"]), ("no MPI", "yes"))
        self.assertIn(report["verdict"], WORDS[:2])

    def test_it_leaves_nothing_behind_and_makes_no_folder(self):
        doctor(*self.plain())
        self.assertEqual(sorted(os.listdir(self.folder)), ["small.yaml", "text.txt"])

    def test_text_ends_with_a_verdict(self):
        result = run(["doctor"], ranks=2, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        for words in ("launch\n", "mpirun", "cores\n", "2 ranks on 1 host", "memory\n", "processor\n", "network\n", "files\n"):
            self.assertIn(words, result.stdout)
        self.assertEqual(result.stdout.count("verdict\n"), 1)

    def test_more_ranks_than_cores_are_found(self):
        ranks = min(4, len(os.sched_getaffinity(0)) + 1)
        env = {} if ranks > len(os.sched_getaffinity(0)) else {"LIMIT": "1"}
        program = command(["doctor", "--json"], ranks)
        if env:
            program = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *program]
        result = subprocess.run(program, env=environment(), cwd=self.folder, timeout=100, text=True, capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["cores"]["ranks"], ranks)
        self.assertTrue(any(f"{ranks} ranks on" in text for text in findings(report, "cores", "warning")), report["findings"])

    def test_nodes_and_the_interface_between_them(self):
        env = {"RINGRNN_PRETEND_NODES": "0,0,1,2", "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_btl_tcp_if_include": "lo",
               "OMPI_MCA_pml": "ob1"}
        report = doctor(ranks=4, env=env, cwd=self.folder)
        self.assertEqual([row["node"] for row in report["cores"]["ranks_of_nodes"]], [0, 0, 1, 2])
        self.assertEqual(report["network"]["interface"], "lo")
        self.assertIn("tcp", report["network"]["transport"])
        self.assertEqual({(link["rank"], link["partner"]) for link in report["network"]["links"]}, {(0, 2), (2, 3), (0, 3)})
        for link in report["network"]["links"]:
            self.assertGreater(link["latency_us"], 0)
            self.assertGreater(link["mb_per_s"], 1)
        env = {"RINGRNN_PRETEND_NODES": "0,1", "OMPI_MCA_btl": "vader,self", "OMPI_MCA_pml": "ob1"}
        report = doctor(ranks=2, env=env, cwd=self.folder)
        self.assertEqual(report["network"]["interface"], "")
        self.assertNotIn("tcp", report["network"]["transport"])

    def test_a_run_dir_that_cannot_be_written_is_broken(self):
        blocked = self.write("a_file", "")
        for folder in (os.path.join(blocked, "runs"), "/proc/self/nothing"):
            for ranks in (None, 2):
                report = doctor(self.config, *self.settings(run__dir=folder), ranks=ranks, expect=1)
                self.assertEqual(len(findings(report, "files", "broken")), 1)
                self.assertEqual(report["verdict"], "broken")
                self.assertNotIn("forecast", report)

    def test_products_that_are_wrong_on_one_rank_are_broken(self):
        report = doctor(ranks=3, env={"RINGRNN_FAULT": "products:1:0"}, expect=1, cwd=self.folder)
        (text,) = findings(report, "processor", "broken")
        self.assertIn("rank 1", text)
        self.assertEqual(report["processor"]["self_checks_failed"], 1)

    def test_what_the_environment_makes_worse_is_found(self):
        if doctor(cwd=self.folder)["processor"]["isa_best"] != "portable":
            report = doctor(env={"RINGRNN_ISA": "portable"}, cwd=self.folder)
            self.assertTrue(any("RINGRNN_ISA" in text for text in findings(report, "processor", "warning")))
            self.assertEqual(report["processor"]["isa_used"], "portable")
        report = doctor(ranks=2, env={"RINGRNN_PRETEND_ROOM": "100000"}, cwd=self.folder)
        self.assertTrue(any("/dev/shm" in text for text in findings(report, "memory", "warning")))
        result = subprocess.run(["sh", "-c", 'trap "" USR1; exec "$0" doctor --json', PROGRAM], env=environment(), cwd=self.folder,
                                timeout=100, text=True, capture_output=True, check=True)
        self.assertIn("SIGUSR1", json.loads(result.stdout)["launch"]["signals_not_heard"])
        report = doctor(*self.plain(dist__threads_per_rank=512))
        self.assertTrue(any("threads_per_rank 512" in text for text in findings(report, "cores", "warning")))

    def test_limits_of_a_slurm_job_are_read(self):
        squeue = os.path.join(self.folder, "squeue")
        with open(squeue, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncase $* in *--jobs*7*%L*) echo 1-00:30:00 ;; *) exit 1 ;; esac\n")
        os.chmod(squeue, 0o755)
        env = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3", "PATH": self.folder + ":" + os.environ["PATH"]}
        report = doctor(env=env, cwd=self.folder)
        self.assertEqual(report["launch"]["slurm_minutes_left"], 24 * 60 + 30)
        self.assertTrue(any("3 nodes" in text for text in findings(report, "launch", "warning")))
        self.assertTrue(any("train.max_minutes is not set" in text for text in findings(report, "launch", "warning")))
        report = doctor(*self.plain(train__max_minutes=60), env=env)
        self.assertFalse(any("max_minutes" in text for text in findings(report, "launch", "warning")))

    def test_tasks_that_do_not_find_each_other_are_told_once(self):
        for task, lines in (("0", 1), ("1", 0)):
            result = run(["doctor"], env={"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": task}, cwd=self.folder)
            self.assertEqual((result.returncode, result.stdout.count("srun --mpi=pmix")), (1, lines))

    def test_the_forecast_is_a_model_that_fits_together(self):
        for ranks in (None, 2):
            report = doctor(*self.plain(), ranks=ranks)
            forecast = report["forecast"]
            self.assertIn("a model", forecast["kind"])
            self.assertIn("assumed", forecast["network"])
            self.assertEqual([row["ranks"] for row in forecast["rows"]], [2 ** k for k in range(11)])
            first = forecast["rows"][0]
            self.assertEqual((first["strong_efficiency"], first["weak_efficiency"], first["strong_exposed_ms"]), (1, 1, 0))
            for row in forecast["rows"]:
                self.assertEqual(row["strong_rows_a_rank"], max(1, 8 // row["ranks"]))
                self.assertEqual(row["nodes"], -(-row["ranks"] // (ranks or 1)))
                self.assertAlmostEqual(row["strong_step_ms"] / (row["strong_compute_ms"] + row["strong_exposed_ms"]), 1, places=3)
                self.assertAlmostEqual(row["strong_efficiency"] * row["strong_step_ms"] * row["ranks"] / first["strong_step_ms"], 1, places=2)

    def test_a_wrong_config_ends_with_2(self):
        bad = self.write("bad.yaml", "optim: {lr: -1}\n")
        for arguments, ranks in (([bad], None), ([bad], 2), (["absent.yaml"], None), (["--set", "optim.lr=1"], None),
                                 ([self.config, "--jsno"], None)):
            result = run(["doctor", *arguments], ranks)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertNotEqual(result.stderr, "")


if __name__ == "__main__":
    unittest.main()

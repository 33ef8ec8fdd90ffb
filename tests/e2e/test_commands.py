"""The commands as a user meets them, with right and wrong input."""

import datetime
import json
import os
import subprocess
import unittest

from harness import MPIRUN, PROGRAM, Case, run


class Commands(Case):
    def refused(self, arguments, *words):
        result = run(arguments, cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_every_command_has_help(self):
        for command in ("train", "eval", "generate", "info", "check", "config"):
            result = run([command, "--help"])
            self.assertEqual(result.returncode, 0)
            self.assertIn("--", result.stdout)
        self.assertEqual(run(["--help"]).returncode, 0)
        self.assertEqual(run([]).returncode, 2)

    def test_wrong_usage_names_what_is_meant(self):
        self.refused(["trian"], "train")
        self.refused(["train"], "argument")
        self.refused(["train", "a.yaml", "b.yaml"], "b.yaml")
        self.refused(["train", self.config, "--resmue", "never"], "--resume")
        self.refused(["train", self.config, "--set"], "--set")
        self.refused(["train", self.config, "--set", "optim.lr"], "optim.lr")
        self.refused(["generate", "absent.safetensors"], "absent.safetensors")
        self.refused(["train", "absent.yaml"], "absent.yaml")
        self.refused(["train", self.config, "--resume", "Auto"], "Auto", "never")
        result = run(["train", self.config, "--resmue", "never"], 3)
        self.assertEqual(result.stderr.count("did you mean"), 1, result.stderr)

    def test_errors_in_a_config_name_file_line_and_key(self):
        for text, *words in (
            ("optim: {lr: -1}", "bad.yaml:1", "optim.lr", "> 0", "-1"),
            ("model:\n  hiden_size: 3", "bad.yaml:2", "model.hiden_size", "hidden_size"),
            ("model:\n  cell: lstn", "bad.yaml:2", "lstm"),
            ("train: {bptt: 3}\ntrain: {bptt: 4}", "bad.yaml:2", "train"),
            ("modl: {}", "bad.yaml:1", "model"),
            ("model: [", "bad.yaml:"),
            ("optim: {type: sgd, betas: [0.9, 0.99]}", "bad.yaml:1", "betas"),
            ("train: {bptt: many}", "bad.yaml:1", "train.bptt", "many"),
        ):
            path = self.write("bad.yaml", text + "\n")
            self.refused(["check", path], *words)

    def test_models_that_make_no_sense_are_refused(self):
        self.refused(["train", self.config, "--set", "model.bidirectional=true"], "model.bidirectional")
        self.refused(["train", self.config, "--set", "model.tie_weights=true"], "model.tie_weights", "12", "20")
        self.refused(["train", self.config, "--set", "train.global_batch_size=100000"], "data.train")
        self.refused(["train", self.config, "--set", "data.train=${ABSENT_VARIABLE}/x"], "ABSENT_VARIABLE")

    def test_an_evaluation_of_other_data_on_one_rank_is_refused(self):
        self.train(ranks=2, train__max_steps=1)
        for rank in (0, 1):
            self.write(f"part{rank}", "to be or not to be, that is the question. " * (20 + rank))
        result = subprocess.run([MPIRUN, "2", "sh", "-c", 'RANK=$OMPI_COMM_WORLD_RANK exec "$@"', "sh", PROGRAM, "eval", self.last,
                                 "--set", "data.split=null", "--set", f"data.test={self.folder}/part${{RANK}}"],
                                text=True, capture_output=True, timeout=100, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertEqual(result.stderr.count("the data that the ranks read differ between ranks"), 1, result.stderr)

    def test_config_explains_keys_and_resolves_files(self):
        self.assertIn("optim.lr", run(["config"]).stdout)
        self.assertIn("learning", run(["config", "optim.lr"]).stdout.lower())
        self.refused(["config", "optim.lrr"], "optim.lr?")
        self.refused(["config", "hiden_size"], "model.hidden_size?")
        self.refused(["config", "no-such-thing-at-all"], "ringrnn config")
        self.assertIn("optim.weight_decay", run(["config", "weight_decay"]).stdout)
        self.assertIn("model.init.range", run(["config", "range"]).stdout)
        result = run(["config", self.config, "--set", "optim.lr=0.25"])
        self.assertEqual(result.returncode, 0)
        again = self.write("resolved.yaml", result.stdout)
        self.assertEqual(run(["config", again]).stdout, result.stdout)

    def test_check_and_info_of_every_config_that_comes_along(self):
        source = os.environ["RINGRNN_SOURCE"]
        words = open(self.text, encoding="utf-8").read().split()
        labelled = self.write("labelled.txt", "".join(f"{'long' if len(word) > 6 else 'short'}\t{word}\n" for word in words))
        tagged = self.write("tagged.txt", "".join(
            f"1\t{word}\t_\t{'LONG' if len(word) > 6 else 'SHORT'}" + 6 * "\t_" + "\n\n" for word in words))
        lines = self.write("lines", "".join(f"{word}\n" for word in words))
        kinds = self.write("kinds", "".join(f"{len(word) % 2}\n" for word in words))
        slots = self.write("slots", "".join(f"B-{'long' if len(word) > 6 else 'short'}\n" for word in words))
        numbers = self.write("numbers.csv", "date,symbol,price,precipitation,temp_max,temp_min,wind," + ",".join(f"x{c}" for c in range(10)) + "\n"
                             + "".join(f"{2012 + i // 4032}-{1 + i // 336 % 12:02}-{1 + i // 12 % 28:02} {i % 12:02}:00,A," +
                                       ",".join(str(1 + (i * 7 + c * i) % 13) for c in range(15)) + "\n" for i in range(15000)))
        stories = self.write("stories.txt", "".join(f"1 Ann went to the {word}.\n2 Where is Ann? \t{word}\t1\n" for word in "abc"))
        pairs = self.write("pairs.tsv", "".join(f"{word}\t{word[::-1]}\n" for word in words))
        texts = {"classify": labelled, "starter-simplernn": labelled, "tag": tagged, "tag-snips": f"[{lines}, {slots}]", "classify-snips": f"[{lines}, {kinds}]", "qa": stories,
                 "seq2seq": pairs, "forecast": numbers, "starter-pytorch-rnn": numbers}
        for name in sorted(os.listdir(os.path.join(source, "configs"))):
            if not name.endswith(".yaml"):
                continue
            text = texts.get(name[:-5], texts.get(name.split("-")[0], self.text))
            arguments = [os.path.join(source, "configs", name), *self.settings(data__train=text)]
            if any(word in name for word in ("word", "tag", "qa", "snips")):
                arguments += self.settings(data__valid=text, data__test=text)
            result = run(["check", *arguments])
            self.assertEqual(result.returncode, 0, name + result.stderr)
            result = run(["info", *arguments, "--ranks", "4"])
            self.assertEqual(result.returncode, 0, name + result.stderr)
            self.assertIn("memory a rank", result.stdout)

    def test_info_counts_parameters_as_pytorch_does(self):
        result = run(["info", self.config])
        vocab = int(result.stdout.split("vocabulary ")[1].split()[0])
        expected = vocab * 12 + vocab * 20 + vocab + 4 * 20 * (12 + 20 + 2) + 4 * 20 * (20 + 20 + 2)
        self.assertIn(f"parameters        {expected}\n", result.stdout)

    def test_info_reckons_with_nodes(self):
        def sent(ranks, nodes):
            config = os.path.join(os.environ["RINGRNN_SOURCE"], "configs/bench/lstm-1500.yaml")
            result = run(["info", config, "--set", "train.global_batch_size=320", "--ranks", ranks, "--nodes", nodes])
            self.assertEqual(result.returncode, 0, result.stderr)
            line = next(line for line in result.stdout.splitlines() if line.startswith("sent a step"))
            self.assertIn(f"on {ranks} ranks, {nodes} node", line)
            return float(line.split()[3])

        # within a node the embedding [10000, 1500] goes whole, twice; between 64 its rows go to owners and their sums to all
        self.assertLess(sent("64", "64"), 0.9 * sent("64", "1"))
        for ranks, nodes in (("2", "3"), ("2", "0")):
            result = run(["info", self.config, "--ranks", ranks, "--nodes", nodes])
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(f"--nodes {nodes}: must be from 1 to the number of ranks", result.stderr)

    def test_eval_agrees_with_training_on_any_ranks(self):
        self.train()
        with open(os.path.join(self.run_folder, "metrics.jsonl"), encoding="utf-8") as file:
            test = [line for line in map(json.loads, file) if line["split"] == "test"][-1]
        for ranks in (None, 3):
            result = run(["eval", self.run_folder, "--json"], ranks)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertAlmostEqual(json.loads(result.stdout)["loss"] / test["loss"], 1, delta=1e-5)

    def test_the_public_interface_scores_as_eval_does(self):
        for unit in ("char", "word", "byte"):
            self.train(unit, task__unit=unit, train__max_steps=20)
            with open(self.text, encoding="utf-8") as file:
                held_out = self.write("held_out.txt", file.read()[:3000])
            result = run(["eval", self.path(unit, ""), "--json", *self.settings(data__test=held_out, data__split="null",
                                                                                 eval__streams=1)])
            loss = json.loads(result.stdout)["loss"]
            scored = subprocess.run([os.environ["RINGRNN_SCORE"], self.path(unit), held_out], capture_output=True, text=True,
                                    check=True).stdout.split()
            self.assertAlmostEqual(float(scored[0]) / int(scored[1]) / loss, 1, delta=1e-6)

    def test_predict_says_of_each_line_what_score_says_of_it_alone(self):
        with open(self.text, encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip()][:90]
        lines[5:5] = ["", "x", " ".join(lines[:4])]  # nothing, one token, several windows
        for unit in ("char", "word"):
            self.train(unit, task__unit=unit, train__max_steps=20)
            texts = self.write("lines.txt", "\n".join(lines))  # the last has no line end
            result = run(["predict", self.path(unit), texts])
            self.assertEqual(result.returncode, 0, result.stderr)
            found = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual([record["line"] for record in found], list(range(1, len(lines) + 1)))
            with open(texts, encoding="utf-8") as file:
                piped = subprocess.run([PROGRAM, "predict", self.path(unit), "-"], stdin=file, capture_output=True, text=True, check=True)
            self.assertEqual(piped.stdout, result.stdout)
            self.assertEqual((found[5]["tokens"], found[5]["loss"]), (0, None))
            for i in (0, 6, 7, 20, len(lines) - 1):
                text = self.write("one.txt", "\n" + lines[i] + ("\n" if unit == "word" else ""))
                scored = subprocess.run([os.environ["RINGRNN_SCORE"], self.path(unit), text], capture_output=True, text=True,
                                        check=True).stdout.split()
                self.assertEqual(found[i]["tokens"], int(scored[1]))
                self.assertAlmostEqual(found[i]["nll"], float(scored[0]), delta=1e-6 * abs(float(scored[0])))
        self.refused(["predict", self.path("char"), os.path.join(self.folder, "absent.txt")], "absent.txt")
        with open(os.path.join(self.folder, "bytes.txt"), "wb") as file:
            file.write(b"fine\n\xff\xfe\n")
        self.refused(["predict", self.path("char"), os.path.join(self.folder, "bytes.txt")], "bytes.txt:2")

    def test_generate_depends_on_the_seed_alone(self):
        self.train(train__max_steps=20)
        draw = lambda *options: run(["generate", self.last, "--tokens", "60", "--prompt", "The ", *options]).stdout
        self.assertEqual(draw("--seed", "4"), draw("--seed", "4"))
        self.assertNotEqual(draw("--seed", "4"), draw("--seed", "5"))
        self.assertTrue(draw().startswith("The "))
        self.assertEqual(draw("--temperature", "0"), draw("--temperature", "0", "--seed", "9"))
        self.assertEqual(draw("--top-k", "1"), draw("--temperature", "0"))
        self.refused(["generate", self.last, "--temperature", "-1"], "temperature")
        self.refused(["generate", self.last, "--top-p", "0"], "top-p")

    def test_a_run_folder_stands_for_its_best_or_its_last_checkpoint(self):
        self.train(train__max_steps=20)
        folder = os.path.dirname(self.last)
        best = os.path.join(folder, "best.safetensors")
        for checkpoint in (best, self.last):
            if not os.path.exists(checkpoint):
                continue
            for command in (["generate", "--tokens", "30"], ["predict", self.config], ["info", "--hash"]):
                of_file, of_folder = (run([command[0], given, *command[1:]]) for given in (checkpoint, folder))
                self.assertEqual((of_file.returncode, of_folder.returncode), (0, 0), of_folder.stderr)
                self.assertEqual(of_file.stdout, of_folder.stdout)
            if checkpoint == best:
                os.remove(best)
        self.refused(["generate", self.folder], "last.safetensors")


if __name__ == "__main__":
    unittest.main()

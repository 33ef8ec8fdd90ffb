"""The models that people begin with, as they come in configs/: ten steps as in PyTorch from the same weights."""

import json
import os
import random
import unittest

from harness import SOURCE, Case, read_checkpoint, read_metrics

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "no torch package")
class Starters(Case):
    def start(self, config, rows, **values): # those on vectors: e2e.forecast
        """Ten steps of all rows at once; their losses, the first weights and the vocabulary."""
        self.config = os.path.join(SOURCE, "configs", config)
        values = {"run__dir": f"{self.folder}/runs", "data__split": "null", "train__global_batch_size": rows,
                  "train__max_epochs": "null", "log__every_steps": 1, "log__tensorboard": "false", **values}
        self.train("start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train("ours", 2, train__max_steps=10, options=["--init-from", self.path("start")], **values)
        metadata, weights = read_checkpoint(self.path("start"))
        losses = [line["loss"] for line in read_metrics(self.path("ours", "")) if line["split"] == "train"]
        return losses, json.loads(metadata["vocab"]), {
            name: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
            for name, (shape, data) in weights.items() if not name.startswith("optimizer.")}

    def compare(self, modules, loss_of, losses):
        optimiser = torch.optim.Adam(modules.parameters(), lr=0.001)
        self.assertEqual(len(losses), 10)
        for ours in losses:
            loss = loss_of()
            self.assertLess(abs(ours - loss.item()), 1e-4 * loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def test_two_stacked_simple_rnns_over_ten_classes(self):
        chance = random.Random(1)
        words = open(self.text, encoding="utf-8").read().lower().split()
        texts = [(str(i % 10), chance.sample(words, 3 + i % 9)) for i in range(120)]
        text = self.write("my.tsv", "".join(f"{label}\t{' '.join(part)}\n" for label, part in texts))
        losses, vocabulary, weights = self.start("starter-simplernn.yaml", len(texts), data__train=text)
        index = {token: i for i, token in enumerate(vocabulary["tokens"]["tokens"])}
        labels = [item["name"] for item in vocabulary["labels"]]
        self.assertEqual(len(labels), 10)
        modules = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(len(index), 32), "rnn": torch.nn.RNN(32, 64, 2),
                                       "head": torch.nn.Linear(64, 10)})
        modules.load_state_dict(weights)
        self.compare(modules, lambda: torch.nn.functional.cross_entropy(
            torch.stack([modules["head"](modules["rnn"](modules["embedding"](torch.tensor([index[word] for word in part])))[0][-1])
                         for _, part in texts]), torch.tensor([labels.index(label) for label, _ in texts])), losses)


if __name__ == "__main__":
    unittest.main()

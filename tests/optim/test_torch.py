"""test_torch.py MAKE_GOLDEN PROGRAM...: the programs' comparisons with PyTorch on cases drawn at random."""

import os
import subprocess
import sys
import tempfile
import time


def main():
    make_golden, programs = sys.argv[1], sys.argv[2:]
    first = int(time.time())
    for seed in (first, first + 1):
        print("seed", seed, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-W", "ignore", make_golden, folder, str(seed)], check=True)
            for program in programs:
                subprocess.run([program], env={**os.environ, "RINGRNN_GOLDEN": folder}, check=True)


if __name__ == "__main__":
    main()

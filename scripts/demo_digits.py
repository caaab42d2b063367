# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# demo_digits.py make DIR: trains the demo's network and writes DIR/digits.onnx, the held-out images
# (images.npy, batch16.npy) and their labels (labels.npy).
# demo_digits.py compare DIR: reads the logits that the compiled kernels wrote under DIR/results, runs the
# same images through ONNX Runtime, and prints both accuracies and the largest difference. Fails when the
# difference is above 1e-3 of the largest logit, the bound for fp32 networks, or when the accuracy is not
# that of a trained network.
import pathlib
import sys
import time

import numpy as np
import onnx

from models import digits

EXPECTED_ACCURACY = 0.97
BOUND = 1e-3


def make(folder):
    path = folder / "digits.onnx"
    _, _, images, labels = digits.load()
    np.save(folder / "images.npy", images)
    np.save(folder / "batch16.npy", images[:16])
    np.save(folder / "labels.npy", labels)
    if path.exists() and path.stat().st_mtime > pathlib.Path(digits.__file__).stat().st_mtime:
        print(f"   {path} is there already")
        return
    start = time.time()

    def report(epoch, loss):
        if epoch % 6 == 5:
            print(f"   epoch {epoch + 1:2}: mean loss {loss:.4f}")

    onnx.save_model(digits.to_onnx(digits.train(report=report)), path)
    print(f"   trained in {time.time() - start:.1f} s, wrote {path} ({path.stat().st_size} bytes)")


def compare(folder):
    import onnxruntime

    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    session = onnxruntime.InferenceSession(str(folder / "digits.onnx"), providers=["CPUExecutionProvider"])
    want, got = session.run(None, {"image": images})[0], np.load(folder / "results" / "logits.npy")
    if got.shape != want.shape or got.dtype != want.dtype:
        sys.exit(f"error: logits are {got.dtype}{list(got.shape)}, ONNX Runtime's {want.dtype}{list(want.shape)}")
    difference, largest = float(np.abs(got - want).max()), float(np.abs(want).max())
    ours, theirs = digits.accuracy(got, labels), digits.accuracy(want, labels)
    print(f"\n   accuracy on {len(labels)} held-out digits:  Cameo {ours:.2%}   ONNX Runtime {theirs:.2%}")
    print(f"   largest difference of a logit: {difference:.3g} (largest logit {largest:.3g}, bound {BOUND * largest:.3g})")
    if not difference <= BOUND * largest or ours < EXPECTED_ACCURACY:
        sys.exit("error: the compiled kernels do not reproduce the network")


if __name__ == "__main__":
    {"make": make, "compare": compare}[sys.argv[1]](pathlib.Path(sys.argv[2]))

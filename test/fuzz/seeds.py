# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Seeds and a dictionary for PtxFuzzer, from the stored PTX: kernels of other compilers, our tests, texts that once
# broke something. Comments and `.loc` go, so that mutations meet instructions. seeds.py FOLDER DICTIONARY
import hashlib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = re.compile(r"[%$A-Za-z_][\w$]*|\.[\w:]+")


def main(folder, dictionary):
    tokens, texts = set(), 0
    for path in sorted((HERE.parent / "ptx").glob("**/*.ptx")):
        text = path.read_bytes().decode("latin-1")
        text = re.sub(r"//.*|^\s*\.(loc|file)\b.*", "", text, flags=re.M)
        text = re.sub(r"\n\s*\n+", "\n", text)
        if len(text) < 24000:
            (folder / hashlib.sha256(text.encode("latin-1")).hexdigest()[:16]).write_text(text, encoding="latin-1")
            texts += 1
        tokens.update(t for t in TOKEN.findall(text) if 2 < len(t) < 30 and not re.search(r"\d{2}$|^%[a-z]+\d+$", t))
    dictionary.write_text("".join(f'"{t}"\n' for t in sorted(tokens) if t.isascii()))
    print(f"{texts} seeds, {len(tokens)} tokens")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

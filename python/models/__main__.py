# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# python -m models FAMILY -o FILE [--OPTION VALUE]...: writes one model. The options of a family are the
# parameters of its function; `python -m models FAMILY --help` lists them with their defaults.
import argparse
import inspect
import sys

from . import FAMILIES, TINY, save
from .inputs import random_inputs, write_data_set


def add_options(parser, function):
    for name, parameter in inspect.signature(function).parameters.items():
        flag, default = "--" + name.replace("_", "-"), parameter.default
        if isinstance(default, bool):
            parser.add_argument(flag, dest=name, action="store_true", default=argparse.SUPPRESS)
        else:
            kind = int if default is None else type(default)
            parser.add_argument(flag, dest=name, type=kind, default=argparse.SUPPRESS, help=f"default {default}")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m models", description="Writes ONNX models for tests and benches.")
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for name, function in FAMILIES.items():
        text = function.__doc__.splitlines()[0]
        family = families.add_parser(name, help=text, description=text)
        family.add_argument("-o", "--output", required=True, help="the .onnx file to write")
        family.add_argument("--tiny", action="store_true", help="the small options of the unit tests")
        family.add_argument("--external-data", action="store_true", help="weights in FILE.data")
        family.add_argument("--data", metavar="DIR", help="also write random inputs as DIR/input_K.pb and .npy")
        family.add_argument("--sizes", metavar="NAME=N,...", default="", help="dynamic sizes for --data")
        add_options(family, function)
    return vars(parser.parse_args(arguments))


def main(arguments=None):
    options = parse(arguments)
    name, output = options.pop("family"), options.pop("output")
    tiny, external = options.pop("tiny"), options.pop("external_data")
    data, sizes = options.pop("data"), options.pop("sizes")
    try:
        model = FAMILIES[name](**{**(TINY[name] if tiny else {}), **options})
        if data:
            pairs = (pair.split("=", 1) for pair in sizes.split(",") if pair)
            chosen = {key: int(value) for key, value in pairs}
            write_data_set(random_inputs(model, chosen, options.get("seed", 0)), data)
    except ValueError as error:
        sys.exit(f"error: {error}")
    save(model, output, external)


if __name__ == "__main__":
    main()

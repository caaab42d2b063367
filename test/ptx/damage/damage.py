# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Damaged PTX: texts of other compilers and of our tests, with bytes, tokens and lines changed by a seed, parsed and
# run in a forked worker through the C interface. Each has to end with a diagnostic that names a line, or run to an
# end within its limits (steps, memory, time). A signal, a sanitizer's report, a hang, an exception inside the
# library or an error without a line is a failure; mutation N of seed S is always the same text.
#
#   python damage.py --library build/release/lib/libcameo-ptx.so --seed 1 --count 10000
import argparse
import collections
import ctypes as C
import json
import mmap
import os
import pathlib
import random
import re
import resource
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "kernels"))

from ptx_machine import P, U32, U64, Kernel, Launch, Machine, Param, sized  # noqa: E402

TOKEN = re.compile(rb"0[fFdDxX][0-9A-Fa-f]+|[%$A-Za-z_][\w$]*|\.[\w:]+|\d+|[^\s\w]")
RUN_SECONDS, HANG_SECONDS, STEPS, MEMORY = 1.0, 20.0, 20000, 256 << 20
NUMBERS = [b"0", b"1", b"-1", b"31", b"32", b"33", b"63", b"64", b"255", b"4096", b"65535", b"65536", b"1048576",
           b"2147483647", b"-2147483648", b"4294967295", b"4294967296", b"9223372036854775807",
           b"18446744073709551615", b"99999999999999999999999", b"0x7fffffffffffffff", b"0xffffffffffffffff",
           b"0f7FC00000", b"0f00000001", b"0d7FF0000000000000", b"1e400", b"1.5", b"WARP_SZ"]
SNIPPETS = [b".reg .b32 %big<4294967295>;", b".local .align 16 .b8 deep[1099511627776];", b".local .b8 deep[1000000];",
            b".shared .align 128 .b8 wide[1048576];", b".shared .b8 wide[99999999999];", b"{" * 300, b"}" * 300,
            b"{" * 40, b"call self;", b"bar.sync 0;", b"exit;", b"ret;", b"trap;", b"$x: bra $x;", b"bra.uni $nowhere;",
            b"/*", b"//", b'"', b"\0", b"\xff\xfe", b"<<<<<<", b"((((((", b"[[[[[[", b"@!@!@", b"@%p1", b".pragma",
            b".section .x {", b".loc 1 1 1", b".file 1 \"", b".global .u64 g[4] = {g, g+8, generic(g), 1};",
            b".global .align 1048576 .b8 g2[1099511627776];", b".reg .pred %p<0>;", b"mov.b64 {%r1,%r2,%r3}, %rd1;",
            b"ld.global.v8.b32 {%r1,%r2}, [%rd1+-9223372036854775808];", b"st.local.b8 [0], 1;",
            b"brx.idx %r1, targets;", b"targets: .branchtargets a, b, c;", b"setmaxnreg.inc.sync.aligned.u32 999;",
            b"mbarrier.init.shared.b64 [0], 4294967295;", b"cp.async.wait_group -1;", b"cp.async.bulk.wait_group 99;"]


# -- mutations -------------------------------------------------------------------------------------

def spans(text):
    return [m.span() for m in TOKEN.finditer(text)]


def cut(text, begin, end, by=b""):
    return text[:begin] + by + text[end:]


def flip_byte(text, r, pool):
    at = r.randrange(len(text))
    return cut(text, at, at + 1, bytes([r.choice((r.randrange(256), text[at] ^ 1 << r.randrange(8)))]))


def insert_bytes(text, r, pool):
    at = r.randrange(len(text))
    return cut(text, at, at, bytes(r.randrange(256) for _ in range(r.randrange(1, 9))))


def delete_span(text, r, pool):
    at = r.randrange(len(text))
    return cut(text, at, at + r.choice((1, 2, 7, 40, 300)))


def copy_span(text, r, pool):
    begin, at = r.randrange(len(text)), r.randrange(len(text))
    return cut(text, at, at, text[begin:begin + r.choice((1, 5, 30, 200, 1500))])


def truncate(text, r, pool):
    return text[:r.randrange(len(text))]


def tokens_between(text, r, change):
    found = spans(text)
    if not found:
        return text
    i, j = r.choice(found), r.choice(found)
    return change(i, j)


def replace_token(text, r, pool):
    return tokens_between(text, r, lambda i, j: cut(text, *i, by=r.choice(pool)))


def swap_tokens(text, r, pool):
    def change(i, j):
        i, j = min(i, j), max(i, j)
        return text if i == j else text[:i[0]] + text[slice(*j)] + text[i[1]:j[0]] + text[slice(*i)] + text[j[1]:]
    return tokens_between(text, r, change)


def drop_token(text, r, pool):
    return tokens_between(text, r, lambda i, j: cut(text, *i))


def repeat_token(text, r, pool):
    return tokens_between(text, r, lambda i, j: cut(text, i[0], i[0], text[slice(*i)] * r.choice((1, 2, 300))))


def change_number(text, r, pool):
    found = [m.span() for m in re.finditer(rb"(?<![\w.%$])-?\d[\w.]*", text)]
    return cut(text, *r.choice(found), by=r.choice(NUMBERS)) if found else text


def change_register(text, r, pool):
    """Mostly one of the same kind, so that the text remains PTX."""
    found = [m for m in re.finditer(rb"(%[a-z]+)\d+", text)]
    if not found:
        return text
    one = r.choice(found)
    like = found if r.random() < 0.1 else [m for m in found if m[1] == one[1]]
    return cut(text, *one.span(), by=r.choice(like)[0])


def change_modifier(text, r, pool):
    found = [m.span() for m in re.finditer(rb"(?<=[\w:])\.[a-zA-Z][\w:]*", text)]
    return cut(text, *r.choice(found), by=r.choice([t for t in pool if t[:1] == b"."] + [b""])) if found else text


def lines_changed(text, r, pool):
    lines = text.split(b"\n")
    i, j = r.randrange(len(lines)), r.randrange(len(lines))
    kind = r.randrange(3)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    else:
        lines.insert(j, lines.pop(i))
    return b"\n".join(lines)


def insert_snippet(text, r, pool):
    lines = text.split(b"\n")
    lines.insert(r.randrange(len(lines) + 1), r.choice(SNIPPETS))
    return b"\n".join(lines)


MUTATIONS = [flip_byte, insert_bytes, delete_span, copy_span, truncate, replace_token, swap_tokens, drop_token,
             repeat_token, change_modifier, change_modifier, lines_changed, insert_snippet]
LIKELY_VALID = [change_number, change_register, change_register, lines_changed]


class Corpus:
    """The undamaged texts, each with its launch where it has one; and the tokens that they have."""

    def __init__(self, folder=HERE.parent):
        self.texts = []
        for path in sorted(folder.glob("**/*.ptx")):
            launch = path.parent / "launch.json"
            described = json.loads(launch.read_text()) if launch.exists() else {}
            self.texts.append((path, path.read_bytes(), described))
        pool = collections.Counter(t for _, text, _ in self.texts for t in TOKEN.findall(text) if len(t) < 40)
        self.pool = sorted(pool) + NUMBERS

    def mutant(self, seed, index):
        """The text, the launch of the kernel it was, and how to tell it."""
        r = random.Random(f"{seed}/{index}")
        path, text, launch = r.choice(self.texts)
        names = []
        kinds = LIKELY_VALID if r.random() < 0.4 else MUTATIONS + LIKELY_VALID
        for _ in range(r.choice((1, 1, 1, 2, 3, 8))):
            change = r.choice(kinds)
            names.append(change.__name__)
            text = change(text, r, self.pool) or b"\n"
        return text, launch, f"{path.parent.name}/{path.name}: {', '.join(names)}", r


# -- one mutant ------------------------------------------------------------------------------------

class Failure(Exception):
    pass


class Runner:
    def __init__(self, library):
        self.machine = Machine(library)
        self.call = self.machine.call
        self.said = ""  # the last message

    def text(self, handle):
        data = self.call("text_data", handle, result=C.c_char_p)
        self.call("text_destroy", handle, result=None)
        return data.decode(errors="replace")

    def run(self, text, launch, r):
        """What became of it: 'refused', 'ran', 'finding', 'limit'."""
        module, errors = P(), P()
        status = self.machine.call("module_parse", C.c_char_p(text), C.c_size_t(len(text)), b"x.ptx",
                                   C.pointer(module), C.pointer(errors))
        if status:
            message = self.said = self.text(errors)
            if status not in (2, 3, 4) or (status != 4 and not re.match(r"x\.ptx:\d+: .", message)):
                raise Failure(f"parse status {status} with {message[:200]!r}")
            return "refused"
        results = set()
        try:
            count = self.call("module_kernel_count", module, result=U32)
            for index in range(min(count, 3)):
                results.add(self.launch(module, index, launch, r))
        finally:
            self.call("module_destroy", module, result=None)
        return "+".join(sorted(results)) or "no kernel"

    def arguments(self, module, index, kernel, memory, described, r):
        packed = (C.c_uint8 * (kernel.arg_bytes + 16))()
        given = described.get("args", [])
        for i in range(kernel.param_count):
            param = sized(Param)
            self.call("module_param", module, U32(index), U32(i), C.pointer(param))
            entry = given[i] if i < len(given) else {}
            size, value = param.size, 64
            if size == 8 and entry.get("kind") != "scalar":
                elements = 1
                for extent in entry.get("shape", [16384]):
                    elements *= extent
                nbytes = min(elements * 8, 1 << 20)
                address = U64()
                if self.call("memory_alloc", memory, U64(nbytes), U64(256), b"b%d" % i, C.pointer(address)):
                    raise Failure("no memory for an argument")
                data = struct.pack("<I", r.choice((0, 1, 7, 0x3c003c00, 0x3f800000))) * (nbytes // 4)
                self.call("memory_write", memory, address, C.c_char_p(data), U64(len(data)))
                value = address.value
            elif isinstance(entry.get("value"), int):
                value = entry["value"]
            raw = (value & (1 << 64) - 1).to_bytes(8, "little")
            raw = (raw * (size // 8 + 1))[:size]
            packed[param.offset:param.offset + size] = raw
        return packed

    def launch(self, module, index, described, r):
        kernel, memory = sized(Kernel), P()
        self.call("module_kernel", module, U32(index), C.pointer(kernel))
        self.call("memory_create", U64(MEMORY), C.pointer(memory))
        request = sized(Launch)
        grid, block = described.get("grid", [2]), described.get("block", [64])
        request.grid[:] = [min(16, g) for g in grid] + [1] * (3 - len(grid))
        request.block[:] = list(kernel.reqntid) if all(kernel.reqntid) else list(block) + [1] * (3 - len(block))
        request.dynamic_shared_bytes = described.get("dynamic_shared_bytes", 0) or (4096 * kernel.uses_dynamic_shared)
        packed = self.arguments(module, index, kernel, memory, described, r)
        cancel = C.c_int(0)
        request.args, request.arg_bytes, request.checks = C.addressof(packed), kernel.arg_bytes, 2
        request.schedule, request.async_point, request.seed = r.randrange(5), r.randrange(3), r.randrange(1 << 30)
        request.step_limit, request.cancel, request.host_threads = STEPS, C.addressof(cancel), 1
        timer = threading.Timer(RUN_SECONDS, lambda: setattr(cancel, "value", 1))
        timer.start()
        result = P()
        status = self.call("launch", module, U32(index), memory, C.pointer(request), C.pointer(result))
        timer.cancel()
        if status not in (0, 4, 6, 7, 8):
            raise Failure(f"launch status {status}")
        text = self.call("result_text", result, result=C.c_char_p).decode(errors="replace") if result else ""
        self.said = text
        if status == 6 and not text:
            raise Failure("a finding without a text")
        json.loads(self.call("result_json", result, result=C.c_char_p).decode(errors="replace") if result else "{}")
        self.call("result_destroy", result, result=None)
        self.call("memory_destroy", memory, result=None)
        return {0: "ran", 6: "finding"}.get(status, "limit")


# -- many mutants ----------------------------------------------------------------------------------

def work(library, corpus, seed, indices, progress, report):
    """In the worker: says before each which it is."""
    if "asan" not in os.environ.get("LD_PRELOAD", ""):
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runner = Runner(library)
    for index in indices:
        progress[:16] = struct.pack("<qd", index, time.monotonic())
        text, launch, _, r = corpus.mutant(seed, index)
        try:
            outcome = runner.run(text, launch, r)
        except Failure as failure:
            outcome = f"FAILED {failure}"
        os.write(report, f"{index} {outcome[:300]}\n".replace("\n", " ").strip().encode() + b"\n")
    os._exit(0)


def watch(process, progress):
    """Waits; a mutant that takes too long ends its worker. Returns what went wrong, if anything."""
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return "" if status == 0 else f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {status >> 8}"
        index, since = struct.unpack("<qd", progress[:16])
        if index >= 0 and time.monotonic() - since > HANG_SECONDS:
            os.kill(process, 9)
            os.waitpid(process, 0)
            return "hang"
        time.sleep(0.02)


def run_all(library, seed, count, first=0):
    """(outcomes by kind, failures [(index, what, description)])"""
    corpus, indices = Corpus(), collections.deque(range(first, first + count))
    outcomes, failures = collections.Counter(), []
    while indices:
        progress = mmap.mmap(-1, 4096)
        progress[:16] = struct.pack("<qd", -1, time.monotonic())
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            try:
                work(library, corpus, seed, indices, progress, writer)
            finally:
                os._exit(99)
        os.close(writer)
        lines = []
        drain = threading.Thread(target=lambda r=reader, to=lines: to.extend(os.fdopen(r).read().splitlines()))
        drain.start()
        wrong = watch(process, progress)
        drain.join()
        for line in lines:
            index, outcome = line.split(" ", 1)
            assert indices.popleft() == int(index)
            if outcome.startswith("FAILED"):
                failures.append((int(index), outcome[7:], corpus.mutant(seed, int(index))[2]))
            else:
                outcomes[outcome] += 1
        if wrong:
            index = indices.popleft()
            failures.append((index, wrong, corpus.mutant(seed, index)[2]))
    return outcomes, failures


def one_case(library, text):
    """What becomes of one text, with the message of a refusal or finding."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runner = Runner(library)
    return f"{runner.run(text, {}, random.Random(1))}: {runner.said[:2000]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="build/release/lib/libcameo-ptx.so")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", type=int, help="print this mutant instead")
    parser.add_argument("--case", type=pathlib.Path, help="run this text instead, and print what became of it")
    args = parser.parse_args()
    if args.case:
        print(one_case(args.library, args.case.read_bytes()))
        return 0
    if args.show is not None:
        sys.stdout.buffer.write(Corpus().mutant(args.seed, args.show)[0])
        return 0
    begin = time.monotonic()
    outcomes, failures = run_all(args.library, args.seed, args.count, args.first)
    print(f"{args.count} mutants of seed {args.seed} in {time.monotonic() - begin:.1f} s: "
          + ", ".join(f"{n} {kind}" for kind, n in outcomes.most_common()))
    for index, wrong, description in failures:
        print(f"mutant {index}: {wrong} ({description})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cp.async and bulk copies: which bytes arrive where, and that the others stay. Every destination holds a pattern first,
# and all of it comes out. The inputs of one block lie one after the other in memory, thread by thread, so that a copy's
# source can be the input buffer itself, and its destination the output buffer.
import random

from exact import FORMATS, add
from forms import Form, expand, signed

PATTERN, WORD = 0xa5a5a5a5a5a5a5a5, (1 << 64) - 1
# %w4 the tile, %w5 the thread's word of it, %w6 the mbarrier, %d4/%d5 the buffers from their beginning, %p2 the first thread.
COMMON = ["and.b32 %w9, %w2, {last};", "shl.b32 %w5, %w9, 3;", "mov.b32 %w4, tile;", "add.u32 %w5, %w5, %w4;",
          "mov.b32 %w6, bar;", "mul.wide.u32 %d6, %w2, 8;", "sub.u64 %d4, %d1, %d6;", "sub.u64 %d5, %d2, %d6;",
          "setp.eq.u32 %p2, %w9, 0;"]
DECLARE = ".shared .align 1024 .b8 tile[16384]; .shared .align 8 .b8 bar[8];"
WAIT = ["waiting:", "mbarrier.try_wait.parity.shared::cta.b64 %p3, [%w6], 0;", "@!%p3 bra waiting;"]
INIT = ["@%p2 mbarrier.init.shared::cta.b64 [%w6], 1;", "fence.mbarrier_init.release.cluster;"]


def common(threads):
    return [line.format(last=threads - 1) for line in COMMON]


def patterned(base, count, threads, space="shared"):
    return [f"st.{space}.b64 [{base}+{8 * threads * i}], {PATTERN:#x};" for i in range(count)]


def outputs_from(base, count, threads, space="shared"):
    return [f"ld.{space}.b64 $d{i or ''}, [{base}+{8 * threads * i}];" for i in range(count)]


def bytes_of(words):
    return bytearray(b"".join(w.to_bytes(8, "little") for w in words))


def words_of(data):
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)]


def whole(name, lines, words, wanted, threads, needs="sm_90", close=None):
    """A form of one block: `words` is the input buffer, `wanted` what the output buffer has to hold."""
    columns = [words[p:p + threads] for p in range(0, len(words), threads)] + [list(range(threads))]
    count = len(wanted) // threads
    return Form(name, [*common(threads), *lines], ["b64"] * (len(columns) - 1) + ["b32"], columns, ["b64"] * count,
                lambda *v: wanted[v[-1]::threads], declare=DECLARE, threads=threads, needs=needs, close=close)


def small_copies():
    """cp.async: 4, 8 or 16 bytes a thread, fewer or none of them read where it says so; the others are zeros."""
    heads = [(n, s) for n in expand("cp.async.ca{.shared,.shared::cta}.global{,.L2::64B,.L2::128B,.L2::256B}") for s in (4, 8, 16)]
    heads += [(n, 16) for n in expand("cp.async.cg{.shared,.shared::cta}.global{,.L2::64B,.L2::128B,.L2::256B}")]
    for head, size in heads:
        for rest in ("", "size", "ignored", "kept"):
            for wait in ("cp.async.wait_all;", "cp.async.commit_group; cp.async.wait_group 0;"):
                yield small_copy(head, size, rest, wait)


def small_copy(name, size, rest, wait):
    r, threads = random.Random(f"{name}/{size}/{rest}"), 64
    words = [r.randrange(1 << 64) for _ in range(2 * threads)]
    sizes = [r.choice((0, 1, size // 2, size - 1, size)) if rest == "size" else size for _ in range(threads)]
    flags = [r.randrange(2) for _ in range(threads)]
    fourth = {"": "", "size": ", $2", "ignored": ", %p4", "kept": ", !%p4"}[rest]
    lines = ["mul.wide.u32 %d7, %w9, 16;", "add.u64 %d7, %d7, %d4;", "shl.b32 %w8, %w9, 4;", "add.u32 %w8, %w8, %w4;",
             f"st.shared.v2.b64 [%w8], {{{PATTERN:#x}, {PATTERN:#x}}};", "setp.ne.u32 %p4, $3, 0;",
             f"{name} [%w8], [%d7], {size}{fourth};", wait, "ld.shared.v2.b64 {$d, $d1}, [%w8];"]
    results, data = [], bytes_of(words)
    for t in range(threads):
        read = 0 if rest == ("ignored" if flags[t] else "kept") else sizes[t]
        got = data[16 * t:16 * t + read] + bytes(size - read) + bytes_of([PATTERN] * 2)[size:]
        results.append(words_of(got))
    columns = [words[:threads], words[threads:], sizes, flags, list(range(threads))]
    return Form(name, [*common(threads), *lines], ["b64", "b64", "b32", "b32", "b32"], columns, ["b64"] * 2,
                lambda *v: results[v[-1]], declare=DECLARE, threads=threads, needs="sm_80")


def arrivals():
    """An mbarrier hears of all cp.async of its thread: with .noinc as one of the arrivals that it waits for."""
    for name in expand("cp.async.mbarrier.arrive{,.noinc}{,.shared,.shared::cta}.b64"):
        threads = 64
        r = random.Random(name)
        words = [r.randrange(1 << 64) for _ in range(threads)]
        count = 2 * threads if "noinc" in name else threads
        where = "%w6" if ".shared" in name else "%d7"
        lines = [f"@%p2 mbarrier.init.shared::cta.b64 [%w6], {count};", "bar.sync 0;", "mov.b64 %d7, bar;", "cvta.shared.u64 %d7, %d7;",
                 "cp.async.ca.shared.global [%w5], [%d1], 8;", f"{name} [{where}];", "mbarrier.arrive.shared::cta.b64 %d8, [%w6];",
                 *WAIT, "xor.b32 %w8, %w5, 504;", "ld.shared.b64 $d, [%w8];"]
        yield whole(name, lines, words, words[::-1], threads, needs="sm_80")


def loads():
    forms = expand("cp.async.bulk{.shared::cluster,.shared::cta}.global.mbarrier::complete_tx::bytes{,.L2::cache_hint}")
    forms += ["cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"]
    for name in forms:
        for size in (16, 48, 512, 1008):
            yield load(name, size, threads=32)


def load(name, size, threads):
    r = random.Random(f"{name}/{size}")
    words = [r.randrange(1 << 64) for _ in range(4 * threads)]
    source, target = 16 * r.randrange((1024 - size) // 16 + 1), 16 * r.randrange((1024 - size) // 16 + 1)
    send = ".shared::cluster.shared::cta" in name
    hint = "createpolicy.fractional.L2::evict_first.b64 %d9;" if ".L2::cache_hint" in name else ""
    lines = patterned("%w5", 4, threads) + INIT
    if send:
        lines += [f"st.shared.b64 [%w5+{2048 + 8 * threads * i}], ${i};" for i in range(4)]
        lines += ["mapa.shared::cluster.u32 %w7, %w4, 0;", "mapa.shared::cluster.u32 %w8, %w6, 0;"]
    lines += [hint] * bool(hint) + ["fence.proxy.async.shared::cta;", "bar.warp.sync -1;"]
    lines += [f"@%p2 mbarrier.arrive.expect_tx.shared::cta.b64 %d8, [%w6], {size};", f"mov.b32 %w3, {size};"]
    to, bar = ("[%w7+{}]", "[%w8]") if send else ("[%w4+{}]", "[%w6]")
    origin = f"[%w4+{2048 + source}]" if send else f"[%d4+{source}]"
    lines += [f"@%p2 {name} {to.format(target)}, {origin}, %w3, {bar}{', %d9' if hint else ''};", *WAIT]
    data, got = bytes_of(words), bytes_of([PATTERN] * (4 * threads))
    got[target:target + size] = data[source:source + size]
    needs = "sm_90"
    return whole(name, lines + outputs_from("%w5", 4, threads), words, words_of(got), threads, needs)


def stores():
    for name in expand("cp.async.bulk.global.shared::cta.bulk_group{,.L2::cache_hint}"):
        for size in (16, 80, 512, 1024):
            r, threads = random.Random(f"{name}/{size}"), 32
            words = [r.randrange(1 << 64) for _ in range(4 * threads)]
            source, target = 16 * r.randrange((1024 - size) // 16 + 1), 16 * r.randrange((1024 - size) // 16 + 1)
            got = bytes_of([PATTERN] * (4 * threads))
            got[target:target + size] = bytes_of(words)[source:source + size]
            yield whole(name, [*fill_from_inputs(4, threads), *patterned("%d2", 4, threads, "global"), *send_line(name, source, target, size)] +
                        outputs_from("%d2", 4, threads, "global"), words, words_of(got), threads)


def fill_from_inputs(count, threads):
    return [f"st.shared.b64 [%w5+{8 * threads * i}], ${i};" for i in range(count)]


def send_line(name, source, target, size):
    hint = ["createpolicy.fractional.L2::evict_first.b64 %d9;"] if ".L2::cache_hint" in name else []
    return [*hint, "fence.proxy.async;", "bar.warp.sync -1;",
            f"@%p2 {name} [%d5+{target}], [%w4+{source}], {size}{', %d9' if hint else ''};", "@%p2 cp.async.bulk.commit_group;",
            "@%p2 cp.async.bulk.wait_group 0;", "bar.warp.sync -1;"]


def reduction(op, kind):
    """Of two bit patterns."""
    if kind in FORMATS:
        f = FORMATS[kind]
        if op == "add":
            return lambda a, b: add(f, "rn", a, b)
        key = lambda v: -(v & f.nan) if f.negative(v) else v
        return lambda a, b: (min if op == "min" else max)(a, b, key=key)
    bits = int(kind[1:])
    mask = (1 << bits) - 1
    key = (lambda v: signed(v, bits)) if kind[0] == "s" else (lambda v: v)
    return {"add": lambda a, b: (a + b) & mask, "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
            "min": lambda a, b: min(a, b, key=key), "max": lambda a, b: max(a, b, key=key),
            "inc": lambda a, b: 0 if a >= b else a + 1, "dec": lambda a, b: b if a == 0 or a > b else a - 1}[op]


REDUCTIONS = {"add": "u32 s32 u64 f16 bf16 f32 f64", "min": "u32 s32 u64 s64 f16 bf16", "max": "u32 s32 u64 s64 f16 bf16",
              "inc": "u32", "dec": "u32", "and": "b32 b64", "or": "b32 b64", "xor": "b32 b64"}


def element(kind, r):
    """Numbers that meet: no NaN, and no zeros of both signs, of which nobody says which is less."""
    if kind in FORMATS:
        f = FORMATS[kind]
        return r.randrange(1, f.largest) | r.choice((0, f.sign)) if r.random() < 0.3 else \
            (f.bias + r.randrange(-3, 4)) << f.m | r.randrange(1 << f.m) | r.choice((0, f.sign))
    bits = int(kind[1:])
    return r.choice((0, 1, 2, (1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1)) if r.random() < 0.3 else r.randrange(1 << bits)


def packed(kind, count, r):
    """Words of 64 bits full of elements."""
    bits = FORMATS[kind].bits if kind in FORMATS else int(kind[1:])
    return [sum(element(kind, r) << i for i in range(0, 64, bits)) for _ in range(count)]


def by_element(kind, function):
    bits = FORMATS[kind].bits if kind in FORMATS else int(kind[1:])
    mask = (1 << bits) - 1
    return lambda a, b: sum(function(a >> i & mask, b >> i & mask) << i for i in range(0, 64, bits))


def reductions():
    for op, kinds in REDUCTIONS.items():
        for kind in kinds.split():
            more = ".noftz" if op == "add" and kind in ("f16", "bf16") else ""
            name = f"cp.reduce.async.bulk.global.shared::cta.bulk_group.{op}{more}.{kind}"
            r, threads = random.Random(name), 32
            words = packed(kind, 8 * threads, r)
            new, old = words[:4 * threads], words[4 * threads:]
            got = [by_element(kind, reduction(op, kind))(a, b) for a, b in zip(old, new)]
            lines = fill_from_inputs(4, threads) + [f"st.global.b64 [%d2+{8 * threads * i}], ${4 + i};" for i in range(4)]
            yield whole(name, lines + send_line(name, 0, 0, 1024) + outputs_from("%d2", 4, threads, "global"), words, got, threads)
            if kind in ("u32", "s32", "b32", "u64") and (kind != "u64" or op == "add"):
                yield remote(f"cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.{op}.{kind}", words, got)


def remote(name, words, got):
    """Into the own block's memory, by its address in the cluster."""
    threads = 32
    lines = INIT + [f"st.shared.b64 [%w5+{8 * threads * i}], ${4 + i};" for i in range(4)]
    lines += [f"st.shared.b64 [%w5+{2048 + 8 * threads * i}], ${i};" for i in range(4)]
    lines += ["fence.proxy.async.shared::cta;", "mapa.shared::cluster.u32 %w7, %w4, 0;", "mapa.shared::cluster.u32 %w8, %w6, 0;",
              "bar.warp.sync -1;", "@%p2 mbarrier.arrive.expect_tx.shared::cta.b64 %d8, [%w6], 1024;",
              f"@%p2 {name} [%w7], [%w4+2048], 1024, [%w8];", *WAIT]
    return whole(name, lines + outputs_from("%w5", 4, threads), words, got, threads)


def multicasts():
    """A cluster of two blocks: the first sends, those that its mask names get it."""
    for mask in (1, 2, 3):
        name = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
        r, threads = random.Random(f"{name}/{mask}"), 32
        words = [r.randrange(1 << 64) for _ in range(2 * threads)]
        lines = patterned("%w5", 2, threads) + INIT
        lines += ["mov.b32 %w7, %cluster_ctarank;", f"mov.b32 %w8, {mask};", "shr.b32 %w8, %w8, %w7;", "and.b32 %w8, %w8, 1;",
                  "setp.eq.u32 %p4, %w8, 1;", "selp.b32 %w8, 512, 0, %p4;", "fence.proxy.async.shared::cta;", "bar.warp.sync -1;",
                  "@%p2 mbarrier.arrive.expect_tx.shared::cta.b64 %d8, [%w6], %w8;", "barrier.cluster.arrive.aligned;",
                  "barrier.cluster.wait.aligned;", "setp.eq.and.u32 %p5, %w7, 0, %p2;", f"mov.b16 %h1, {mask};",
                  f"@%p5 {name} [%w4], [%d4], 512, [%w6], %h1;", *WAIT, *outputs_from("%w5", 2, threads),
                  "barrier.cluster.arrive.aligned;", "barrier.cluster.wait.aligned;"]
        # 64 threads of two blocks: the first 512 bytes of the input are those of the first column.
        sent = words[:64]
        rows = [[sent[t % 32], sent[32 + t % 32]] if mask >> t // 32 & 1 else [PATTERN] * 2 for t in range(64)]
        form = Form(name, [*common(threads), *lines], ["b64", "b32"], [words, list(range(64))], ["b64"] * 2,
                    lambda *v, rows=rows: rows[v[-1]], declare=DECLARE, threads=threads, needs="sm_90")
        form.directives = ".reqnctapercluster 2, 1, 1"
        yield form


def forms():
    for family in (small_copies, arrivals, loads, stores, reductions, multicasts):
        yield from family()

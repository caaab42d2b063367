# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# mbarriers, one for each thread and nobody else: arrivals, expected bytes and the waits that see a phase before and after
# it completes. What has to come out follows from the counts alone.
from forms import Form, expand

DECLARE = ".shared .align 8 .b8 bars[256];"
ADDRESS = ["and.b32 %w5, %w2, 31;", "shl.b32 %w5, %w5, 3;", "mov.b32 %w4, bars;", "add.u32 %w5, %w5, %w4;",
           "cvt.u64.u32 %d5, %w5;", "cvta.shared.u64 %d5, %d5;"]


def at(name):
    return "[%w5]" if ".shared" in name else "[%d5]"


def sequence(name, lines, outputs, values):
    """Every thread of one warp does `lines`."""
    return Form(name, [*ADDRESS, *lines], ["b32"], [list(range(32))], outputs, lambda i: list(values), declare=DECLARE,
                threads=32, needs="sm_90")


INIT, ARRIVE = "mbarrier.init.shared.b64 [%w5], {};", "mbarrier.arrive.shared.b64 %d7, [%w5];"
PARITY = "mbarrier.test_wait.parity.shared.b64 ${}, [%w5], {};"


def arrivals():
    orders = "{,.release.cta,.release.cluster,.relaxed.cta}{,.shared,.shared::cta}.b64"
    for name in expand("mbarrier{.arrive,.arrive_drop}" + orders):
        drop = "_drop" in name
        for count in ("", ", 1"):
            yield sequence(name, [INIT.format(2), f"{name} %d6, {at(name)}{count};", PARITY.format("d", 0), ARRIVE,
                                  PARITY.format("d1", 0), "mbarrier.arrive.shared.b64 %d7, [%w5];", PARITY.format("d2", 1)],
                           ["pred"] * 3, [0, 1, int(drop)])
    for name in expand("mbarrier{.arrive,.arrive_drop}.expect_tx" + orders):
        yield sequence(name, [INIT.format(1), f"{name} %d6, {at(name)}, 16;", PARITY.format("d", 0),
                              "mbarrier.complete_tx.shared.b64 [%w5], 16;", PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])
    for name in expand("mbarrier{.arrive,.arrive_drop}.noComplete{,.release.cta}{,.shared,.shared::cta}.b64"):
        yield sequence(name, [INIT.format(3), f"{name} %d6, {at(name)}, 2;", PARITY.format("d", 0), ARRIVE,
                              PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])


def transactions():
    for name in expand("mbarrier.expect_tx{,.relaxed.cta}{,.shared,.shared::cta}.b64"):
        yield sequence(name, [INIT.format(1), f"{name} {at(name)}, 32;", ARRIVE, PARITY.format("d", 0),
                              "mbarrier.complete_tx.shared.b64 [%w5], 32;", PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])
    for name in expand("mbarrier.complete_tx{,.relaxed.cta}{,.shared,.shared::cta}.b64"):
        yield sequence(name, [INIT.format(1), "mbarrier.arrive.expect_tx.shared.b64 %d6, [%w5], 64;",
                              f"{name} {at(name)}, 40;", PARITY.format("d", 0), f"{name} {at(name)}, 24;",
                              PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])


def waits():
    for name in expand("mbarrier{.test_wait,.try_wait}{,.parity}{,.acquire.cta,.acquire.cluster,.relaxed.cta}"
                       "{,.shared,.shared::cta}.b64"):
        phase, token = ("0", "0") if ".parity" in name else ("%d6", "%d6")
        more = ("", ", 20") if ".try_wait" in name else ("",)
        for time in more:
            yield sequence(name, [INIT.format(2), "mbarrier.arrive.shared.b64 %d6, [%w5];", f"{name} $d, {at(name)}, {phase}{time};",
                                  ARRIVE, f"{name} $d1, {at(name)}, {token}{time};"], ["pred"] * 2, [0, 1])


def lives():
    for name in expand("mbarrier.init{,.shared,.shared::cta}.b64"):
        for count in (1, 2, 7):
            arrivals_of = ["mbarrier.arrive.shared.b64 %d6, [%w5];"] * (count - 1)
            yield sequence(name, [f"{name} {at(name)}, {count};", *arrivals_of, PARITY.format("d", 0), ARRIVE,
                                  PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])
    for name in expand("mbarrier.inval{,.shared,.shared::cta}.b64"):
        yield sequence(name, [INIT.format(1), ARRIVE, f"{name} {at(name)};", INIT.format(2), ARRIVE, PARITY.format("d", 0),
                              ARRIVE, PARITY.format("d1", 0)], ["pred"] * 2, [0, 1])
    yield sequence("mbarrier.pending_count.b64", [INIT.format(5), "mbarrier.arrive.shared.b64 %d6, [%w5];",
                                                  "mbarrier.pending_count.b64 $d, %d6;"], ["b32"], [5])


def fences():
    """They change no value; that each is accepted where it may stand is what is tested."""
    scopes = "{.cta,.cluster,.gpu,.sys}"
    names = expand(f"fence{{,.sc,.acq_rel,.acquire,.release}}{scopes}") + expand("membar{.cta,.gl,.sys}")
    names += expand("fence.proxy{.alias,.async,.async.global,.async.shared::cta,.async.shared::cluster}")
    names += expand(f"fence.proxy.tensormap::generic.release{scopes}")
    names += ["fence.mbarrier_init.release.cluster", "fence.acquire.sync_restrict::shared::cluster.cluster",
              "fence.release.sync_restrict::shared::cta.cluster"]
    for name in names:
        yield Form(name, ["add.u32 $d, $0, 1;", f"{name};"], ["b32"], [list(range(32))], ["b32"], lambda i: [i + 1],
                   threads=32, needs="sm_90")


def control():
    yield Form("pmevent", ["pmevent 1;", "mov.b32 $d, $0;"], ["b32"], [list(range(32))], ["b32"], lambda i: [i])
    yield Form("pmevent.mask", ["pmevent.mask 3;", "mov.b32 $d, $0;"], ["b32"], [list(range(32))], ["b32"], lambda i: [i])
    yield Form("nanosleep.u32", ["nanosleep.u32 20;", "mov.b32 $d, $0;"], ["b32"], [list(range(32))], ["b32"], lambda i: [i])
    for opcode in ("bar", "barrier"):
        for cta in ("", ".cta"):
            for aligned in ("",) if opcode == "bar" else ("", ".aligned"):
                name = f"{opcode}{cta}.sync{aligned}"
                lines = ["mov.b32 %w4, bars;", "and.b32 %w5, %w2, 63;", "shl.b32 %w5, %w5, 2;", "add.u32 %w5, %w5, %w4;",
                         "st.shared.b32 [%w5], $0;", f"{name} 1, 64;", "xor.b32 %w6, %w2, 63;", "and.b32 %w6, %w6, 63;",
                         "shl.b32 %w6, %w6, 2;", "add.u32 %w6, %w6, %w4;", "ld.shared.b32 $d, [%w6];"]
                yield Form(name, lines, ["b32"], [list(range(64))], ["b32"], lambda i: [63 - i], declare=DECLARE, threads=64)


def forms():
    for family in (arrivals, transactions, waits, lives, fences, control):
        yield from family()

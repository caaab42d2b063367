# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The families of opcodes that mutants and rules of equivalence speak of, and what an instruction does in
# their terms: touches memory of others, synchronises, tells others that something is over.
WAIT_GROUPS = ("cp.async.wait_group", "cp.async.wait_all", "cp.async.bulk.wait_group", "wgmma.wait_group")
TRY_WAITS = ("mbarrier.try_wait", "mbarrier.test_wait")
FENCES = ("fence", "membar", "wgmma.fence")
ARRIVALS = ("mbarrier.arrive", "mbarrier.arrive_drop", "mbarrier.expect_tx", "cp.async.mbarrier", "bar.arrive",
            "barrier.arrive", "bar.cta.arrive", "barrier.cta.arrive", "barrier.cluster.arrive")
BLOCK_BARRIERS = ("bar.sync", "barrier.sync", "bar.cta.sync", "barrier.cta.sync")
BARRIERS = BLOCK_BARRIERS + ("bar.warp.sync", "barrier.cluster.wait")
COMMITS = ("cp.async.commit_group", "cp.async.bulk.commit_group", "wgmma.commit_group")
COPIES = ("cp.async.ca", "cp.async.cg", "cp.async.bulk", "cp.reduce.async.bulk")
MATRIX_LOADS = ("ldmatrix", "stmatrix", "wmma.load", "wmma.store")
MEMORY = ("ld", "ldu", "st", "atom", "red", "wmma.load", "wmma.store", "ldmatrix", "stmatrix", "wgmma.mma_async", "cp",
          "multimem", "tensormap", "st.async", "red.async")
SYNCHRONISATION = ("bar", "barrier", "fence", "membar", "mbarrier", "wgmma", "griddepcontrol", "shfl", "vote", "match",
                   "redux", "elect", "activemask", "call", "exit", "ret", "trap", "setmaxnreg")


def instructions(function):
    return [s for s in function.statements if s.kind == "instruction"]


def is_memory(s):
    """Touches memory that another thread may touch."""
    return s.is_(*MEMORY) and not s.is_("ld.param", "st.param", "ld.local", "st.local", "ld.const") and \
        not s.is_("cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all")


def is_synchronisation(s):
    return s.is_(*SYNCHRONISATION) or s.is_("cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all",
                                            "cp.async.bulk.wait_group", "cp.async.bulk.commit_group")


def touches(t):
    """Memory that somebody may write."""
    return (is_memory(t) and not t.is_("ld.global.nc")) or t.is_("call")


def touches_shared(t):
    """Data in shared memory, or memory of no named space."""
    if not is_memory(t) or t.is_("tensormap", "prefetch", "ld.global", "st.global", "atom.global", "red.global"):
        return False
    spaces = [p for p in t.parts if p.startswith("shared") or p == "global"]
    return not spaces or any(p.startswith("shared") for p in spaces)


def writes_shared(t):
    return touches_shared(t) and not t.is_("ld", "ldu", "ldmatrix", "wmma.load", "wgmma.mma_async") and \
        not t.is_("cp.async.bulk.global", "cp.async.bulk.tensor") or \
        (t.is_("cp.async.bulk.tensor") and not _stores_bulk(t))


def _stores_bulk(t):
    spaces = [p for p in t.parts if p.startswith("shared") or p == "global"]
    return spaces[:1] == ["global"]


def hands_over(t):
    """Tells other threads that something is over."""
    return t.is_(*BLOCK_BARRIERS, "bar.arrive", "barrier.arrive", "barrier.cta.arrive", "barrier.cluster.arrive") or \
        (t.is_("mbarrier.arrive", "mbarrier.arrive_drop") and "expect_tx" not in t.parts)

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Litmus kernels: two threads, a datum and a flag, and what stands between them. A kernel is text with the parts of a
# litmus test filled in; its launch has two blocks where the threads are in two.

HEAD = """.version 8.6
.target sm_90
.address_size 64
.visible .entry litmus(.param .u64 data_, .param .u64 flag_, .param .u64 out_)
{
  .reg .pred %p<8>;
  .reg .b32 %r<16>;
  .reg .b64 %rd<16>;
  .shared .align 128 .b8 tile[512];
  .shared .align 8 .b64 bar;
  ld.param.u64 %rd1, [data_];
  ld.param.u64 %rd2, [flag_];
  ld.param.u64 %rd3, [out_];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r10, tile;
  mov.u32 %r11, bar;
  mov.u32 %r9, 1;
"""

# Writer: lane 0 of the first warp of the first block. Reader: lane 0 of another warp, or of the other block.
ROLES = {
    "block": """  setp.eq.u32 %p1, %r1, 0;
  setp.eq.u32 %p2, %r1, 32;
""",
    "grid": """  or.b32 %r3, %r1, %r2;
  setp.eq.u32 %p1, %r3, 0;
  xor.b32 %r4, %r2, 1;
  or.b32 %r4, %r4, %r1;
  setp.eq.u32 %p2, %r4, 0;
""",
}

# How a flag is set and polled. {s}: the scope.
PATTERNS = {
    "release-acquire": ("st.release.{s}.global.u32 [%rd2], %r9;", "ld.acquire.{s}.global.u32 %r5, [%rd2];", ""),
    "atomics": ("atom.exch.release.{s}.global.b32 %r8, [%rd2], %r9;",
                "atom.or.acquire.{s}.global.b32 %r5, [%rd2], 0;", ""),
    "fences": ("fence.acq_rel.{s}; st.relaxed.{s}.global.u32 [%rd2], %r9;", "ld.relaxed.{s}.global.u32 %r5, [%rd2];",
               "fence.acq_rel.{s};"),
    "fences-sc": ("fence.sc.{s}; st.relaxed.{s}.global.u32 [%rd2], %r9;", "ld.relaxed.{s}.global.u32 %r5, [%rd2];",
                  "fence.sc.{s};"),
    "no-release": ("st.relaxed.{s}.global.u32 [%rd2], %r9;", "ld.acquire.{s}.global.u32 %r5, [%rd2];", ""),
    "no-acquire": ("st.release.{s}.global.u32 [%rd2], %r9;", "ld.relaxed.{s}.global.u32 %r5, [%rd2];", ""),
    "relaxed": ("st.relaxed.{s}.global.u32 [%rd2], %r9;", "ld.relaxed.{s}.global.u32 %r5, [%rd2];", ""),
    "fence-before-only": ("fence.acq_rel.{s}; st.relaxed.{s}.global.u32 [%rd2], %r9;",
                          "ld.relaxed.{s}.global.u32 %r5, [%rd2];", ""),
    "fence-behind-only": ("st.relaxed.{s}.global.u32 [%rd2], %r9;", "ld.relaxed.{s}.global.u32 %r5, [%rd2];",
                          "fence.acq_rel.{s};"),
}
ORDERED = {"release-acquire", "atomics", "fences", "fences-sc"}
SCOPES = ("cta", "gpu", "sys")


def message_passing(where, pattern, scope):
    """Forbidden: the flag is seen and the datum is not."""
    set_, poll, after = (part.format(s=scope) for part in PATTERNS[pattern])
    return HEAD + ROLES[where] + f"""  @!%p1 bra READER;
  st.global.u32 [%rd1], %r9;
  {set_}
  bra END;
READER:
  @!%p2 bra END;
POLL:
  {poll}
  setp.eq.u32 %p3, %r5, 0;
  @%p3 bra POLL;
  {after}
  ld.global.u32 %r6, [%rd1];
  st.global.u32 [%rd3], %r6;
END:
  ret;
}}
"""


def _copied_in(fence):
    """A thread stores to global memory, and copies that into shared memory behind the fence."""
    return """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  st.global.v4.u32 [%rd1], {%r9, %r9, %r9, %r9};
  mbarrier.init.shared.b64 [%r11], 1;
  fence.mbarrier_init.release.cluster;
""" + fence + """
  mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 16;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r10], [%rd1], 16, [%r11];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %p2, [%r11], 0;
  @!%p2 bra WAIT;
  ld.shared.u32 %r5, [%r10];
  st.global.u32 [%rd3], %r5;
"""


# Each is a body between HEAD and ret with lines marked: "-" those that only the broken form has, "+" only the mended one.
# (what is forbidden, kinds of finding, body)
PROXIES = {
    "store, then bulk copy out": ("the copy takes what was in the tile before", {"proxy"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  st.shared.u32 [%r4], %r9;
+ fence.proxy.async.shared::cta;
  bar.sync 0;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%rd3], [%r10], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
"""),
    "the fence without the barrier": ("the copy takes what other warps have not stored yet",
                                      {"proxy", "race", "uninitialised"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  st.shared.u32 [%r4], %r9;
  fence.proxy.async.shared::cta;
+ bar.sync 0;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%rd3], [%r10], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
"""),
    "global store, then bulk copy in": ("the copy takes what was in the buffer before", {"proxy"}, _copied_in("+ fence.proxy.async;")),
    "the fence without bar.warp.sync": ("the copy takes what other lanes have not stored yet", {"race"}, """
  setp.gt.u32 %p1, %r1, 31;
  @%p1 bra END;
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  st.shared.u32 [%r4], %r9;
  fence.proxy.async.shared::cta;
+ bar.warp.sync -1;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%rd3], [%r10], 128;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
"""),
    "global store, then bulk copy in, a fence of shared memory": ("the copy takes what was in the buffer before", {"proxy"}, _copied_in("- fence.proxy.async.shared::cta;\n+ fence.proxy.async.global;")),
    "bulk copy in, read without the wait": ("the bytes that were there before are read", {"async-in-flight", "uninitialised"}, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  mbarrier.init.shared.b64 [%r11], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r10], [%rd1], 256, [%r11];
+WAIT:
+ mbarrier.try_wait.parity.shared.b64 %p2, [%r11], 0;
+ @!%p2 bra WAIT;
  ld.shared.u32 %r5, [%r10];
  st.global.u32 [%rd3], %r5;
- exit;
"""),
    "cp.async, read without the wait": ("the bytes that were there before are read", {"async-in-flight"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  cvt.u64.u32 %rd4, %r3;
  add.s64 %rd5, %rd1, %rd4;
  cp.async.ca.shared.global [%r4], [%rd5], 4;
  cp.async.commit_group;
+ cp.async.wait_group 0;
- cp.async.wait_group 1;
  ld.shared.u32 %r5, [%r4];
  add.s64 %rd6, %rd3, %rd4;
  st.global.u32 [%rd6], %r5;
"""),
    "cp.async of others, read without the barrier": ("what another thread's copy has not brought yet is read",
                                                     {"async-in-flight", "race", "uninitialised"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  cvt.u64.u32 %rd4, %r3;
  add.s64 %rd5, %rd1, %rd4;
  cp.async.ca.shared.global [%r4], [%rd5], 4;
  cp.async.wait_all;
+ bar.sync 0;
  xor.b32 %r5, %r3, 128;
  add.u32 %r5, %r10, %r5;
  ld.shared.u32 %r6, [%r5];
  add.s64 %rd6, %rd3, %rd4;
  st.global.u32 [%rd6], %r6;
"""),
    "bulk copy out, its source overwritten": ("the copy takes what was stored after it was issued", {"async-source"}, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  st.shared.v4.u32 [%r10], {%r9, %r9, %r9, %r9};
  fence.proxy.async.shared::cta;
  cp.async.bulk.global.shared::cta.bulk_group [%rd3], [%r10], 16;
  cp.async.bulk.commit_group;
+ cp.async.bulk.wait_group.read 0;
  mov.u32 %r5, 2;
  st.shared.u32 [%r10], %r5;
  cp.async.bulk.wait_group 0;
"""),
    "mbarrier initialised, used by a copy": ("the copy completes a barrier that is not there yet", {"proxy", "mbarrier"}, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  mbarrier.init.shared.b64 [%r11], 1;
+ fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 16;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r10], [%rd1], 16, [%r11];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %p2, [%r11], 0;
  @!%p2 bra WAIT;
"""),
    "store and load across warps": ("the value from before the barrier is read", {"race", "uninitialised"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  st.shared.u32 [%r4], %r1;
+ bar.sync 0;
  xor.b32 %r5, %r3, 128;
  add.u32 %r5, %r10, %r5;
  ld.shared.u32 %r6, [%r5];
  mul.wide.u32 %rd4, %r1, 4;
  add.s64 %rd5, %rd3, %rd4;
  st.global.u32 [%rd5], %r6;
"""),
    "store and load across lanes": ("the value from before bar.warp.sync is read", {"race", "uninitialised"}, """
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r10, %r3;
  st.shared.u32 [%r4], %r1;
+ bar.warp.sync -1;
  xor.b32 %r5, %r3, 4;
  add.u32 %r5, %r10, %r5;
  ld.shared.u32 %r6, [%r5];
  mul.wide.u32 %rd4, %r1, 4;
  add.s64 %rd5, %rd3, %rd4;
  st.global.u32 [%rd5], %r6;
"""),
    "counters of two blocks": ("one of two increments is lost", {"race"}, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
+ red.relaxed.gpu.global.add.u32 [%rd2], %r9;
- red.relaxed.cta.global.add.u32 [%rd2], %r9;
"""),
    "plain increments of two blocks": ("one of two increments is lost", {"race"}, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
+ atom.global.add.u32 %r5, [%rd2], %r9;
- ld.global.u32 %r5, [%rd2];
- add.u32 %r5, %r5, 1;
- st.global.u32 [%rd2], %r5;
"""),
}


def of_body(body, broken):
    """The kernel of a body; `broken` chooses between its marked lines."""
    lines = []
    for line in body.strip("\n").splitlines():
        if line[:1] in "+-":
            if (line[0] == "-") == broken:
                lines.append(line[1:] if line.endswith(":") else " " + line[1:])
        else:
            lines.append(line)
    return HEAD + "\n".join(lines) + "\nEND:\n  ret;\n}\n"


def _poll(label, load, value=0):
    return f"{label}:\n  {load}\n  setp.le.u32 %p3, %r5, {value};\n  @%p3 bra {label};"


def _read_when(label, load, value=0):
    """The datum is read when the flag has been seen."""
    return _poll(label, load, value) + "\n  ld.global.u32 %r6, [%rd1];\n  st.global.u32 [%rd3], %r6;"


# Longer paths, by threads of two to four blocks: (the outcome that is forbidden, blocks, blocks of a cluster, body). %r1 is
# the thread, %r2 the block; [%rd1] the datum, [%rd2] and the words behind it flags.
PATHS = {
    "cumulativity: through a thread of the own block": ("what a flag of a flag orders is not seen", 2, 0, f"""
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  st.global.u32 [%rd1], %r9;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
  setp.eq.u32 %p1, %r1, 32;
  @%p1 bra THIRD;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
{_poll("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
+ st.release.cta.global.u32 [%rd2+4], %r9;
- st.relaxed.cta.global.u32 [%rd2+4], %r9;
  bra END;
THIRD:
{_read_when("AGAIN", "ld.acquire.cta.global.u32 %r5, [%rd2+4];")}
"""),
    "cumulativity: to a third block": ("what a flag of a flag orders is not seen", 3, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.eq.u32 %p1, %r2, 1;
  @%p1 bra SECOND;
  setp.eq.u32 %p1, %r2, 2;
  @%p1 bra THIRD;
  st.global.u32 [%rd1], %r9;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_poll("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
+ st.release.gpu.global.u32 [%rd2+4], %r9;
- st.release.cta.global.u32 [%rd2+4], %r9;
  bra END;
THIRD:
{_read_when("AGAIN", "ld.acquire.gpu.global.u32 %r5, [%rd2+4];")}
"""),
    "a release and atomics after it": ("the last value of the flag is seen, and the datum is not", 3, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.eq.u32 %p1, %r2, 1;
  @%p1 bra SECOND;
  setp.eq.u32 %p1, %r2, 2;
  @%p1 bra THIRD;
  st.global.u32 [%rd1], %r9;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_poll("POLL", "ld.relaxed.gpu.global.u32 %r5, [%rd2];")}
+ red.relaxed.gpu.global.add.u32 [%rd2], %r9;
- st.relaxed.gpu.global.u32 [%rd2], 2;
  bra END;
THIRD:
{_read_when("AGAIN", "ld.acquire.gpu.global.u32 %r5, [%rd2];", 1)}
"""),
    "volatile flags": ("the flag is seen and the datum is not", 2, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  st.global.u32 [%rd1], %r9;
+ membar.gl;
  st.volatile.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_poll("POLL", "ld.volatile.global.u32 %r5, [%rd2];")}
  membar.gl;
  ld.global.u32 %r6, [%rd1];
  st.global.u32 [%rd3], %r6;
"""),
    "a fence of the block": ("the flag is seen and the datum is not", 2, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  st.global.u32 [%rd1], %r9;
+ fence.acq_rel.gpu;
- fence.acq_rel.cta;
  st.relaxed.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_read_when("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
"""),
    "the scope of a cluster between two clusters": ("the flag is seen and the datum is not", 4, 2, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.eq.u32 %p1, %r2, 2;
  @%p1 bra SECOND;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra END;
  st.global.u32 [%rd1], %r9;
+ st.release.gpu.global.u32 [%rd2], %r9;
- st.release.cluster.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_read_when("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
"""),
    "the scope of a cluster within it": ("the flag is seen and the datum is not", 2, 2, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  st.global.u32 [%rd1], %r9;
+ st.release.cluster.global.u32 [%rd2], %r9;
- st.release.cta.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_read_when("POLL", "ld.acquire.cluster.global.u32 %r5, [%rd2];")}
"""),
    "a load, then a store of another block": ("the load sees the store behind it", 2, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  ld.global.u32 %r6, [%rd1];
  st.global.u32 [%rd3], %r6;
+ st.release.gpu.global.u32 [%rd2], %r9;
- st.relaxed.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_poll("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
  st.global.u32 [%rd1], %r9;
"""),
    "one thread publishes for its block and waits for another": ("a word of another thread is not seen", 2, 0, f"""
  shl.b32 %r3, %r1, 2;
  cvt.u64.u32 %rd4, %r3;
  add.s64 %rd5, %rd1, %rd4;
  setp.ne.u32 %p2, %r1, 0;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  st.global.u32 [%rd5], %r9;
+ bar.sync 0;
  @%p2 bra END;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
  @%p2 bra MET;
{_poll("POLL", "ld.acquire.gpu.global.u32 %r5, [%rd2];")}
MET:
  bar.sync 0;
  ld.global.u32 %r6, [%rd5];
  add.s64 %rd6, %rd3, %rd4;
  st.global.u32 [%rd6], %r6;
"""),
    "the last block sums up": ("a part is not in the sum", 3, 0, """
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  shl.b32 %r3, %r2, 2;
  cvt.u64.u32 %rd4, %r3;
  add.s64 %rd5, %rd1, %rd4;
  st.global.u32 [%rd5], %r9;
+ membar.gl;
  atom.global.add.u32 %r5, [%rd2], 1;
  setp.ne.u32 %p1, %r5, 2;
  @%p1 bra END;
  membar.gl;
  ld.global.u32 %r6, [%rd1];
  ld.global.u32 %r7, [%rd1+4];
  ld.global.u32 %r8, [%rd1+8];
  add.u32 %r6, %r6, %r7;
  add.u32 %r6, %r6, %r8;
  st.global.u32 [%rd3], %r6;
"""),
    "a flag read twice": ("the flag is seen and the datum is not", 2, 0, f"""
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra END;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra SECOND;
  st.global.u32 [%rd1], %r9;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
SECOND:
{_poll("POLL", "ld.relaxed.gpu.global.u32 %r5, [%rd2];")}
+ ld.acquire.gpu.global.u32 %r5, [%rd2];
  ld.global.u32 %r6, [%rd1];
  st.global.u32 [%rd3], %r6;
"""),
}

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Litmus kernels of clusters: two blocks that reach each other's shared memory. Each has the outcome that the mended form
# forbids, the kinds of finding of which the broken one has one, and a body: lines with "-" only the broken form has, with "+"
# only the mended one. Around the body both blocks meet at the barrier of the cluster.

HEAD = """.version 8.6
.target sm_90
.address_size 64
.visible .entry litmus(.param .u64 data_, .param .u64 flag_, .param .u64 out_)
{
  .reg .pred %p<8>;
  .reg .b32 %r<32>;
  .reg .b64 %rd<16>;
  .shared .align 128 .b8 tile[512];
  .shared .align 4 .b32 word;
  .shared .align 8 .b64 bar;
  ld.param.u64 %rd1, [data_];
  ld.param.u64 %rd2, [flag_];
  ld.param.u64 %rd3, [out_];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %cluster_ctarank;
  xor.b32 %r3, %r2, 1;
  mov.u32 %r9, 1;
  mov.u32 %r10, tile;
  mov.u32 %r11, bar;
  mov.u32 %r12, word;
  shl.b32 %r4, %r1, 2;
  add.u32 %r13, %r10, %r4;             // own word of the tile
  xor.b32 %r5, %r4, 128;
  add.u32 %r14, %r10, %r5;             // that of a thread of the other warp
  mapa.shared::cluster.u32 %r20, %r10, %r3; // tile, bar, word and own word in the other block
  mapa.shared::cluster.u32 %r21, %r11, %r3;
  mapa.shared::cluster.u32 %r22, %r12, %r3;
  mapa.shared::cluster.u32 %r23, %r13, %r3;
  mad.lo.u32 %r6, %r2, 64, %r1;
  mul.wide.u32 %rd4, %r6, 4;
  add.s64 %rd5, %rd3, %rd4;            // own element of out
  setp.eq.u32 %p1, %r1, 0;             // the first thread
  setp.eq.u32 %p2, %r2, 0;             // the first block
  st.shared.u32 [%r13], 0;
  st.shared.u32 [%r13+256], 0;
  @%p1 st.shared.u32 [%r12], 0;
  @%p1 mbarrier.init.shared.b64 [%r11], COUNT;
  @%p1 fence.mbarrier_init.release.cluster;
  fence.proxy.async;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
"""

TAIL = """END:
  barrier.cluster.arrive;
  barrier.cluster.wait;
  ret;
}
"""

MEET = """
+ barrier.cluster.arrive.aligned;
+ barrier.cluster.wait.aligned;
- bar.sync 0;"""

WAIT = """
WAIT:
  mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r11], 0;
  @!%p3 bra WAIT;"""

def _copied_out(copy):
    """One block copies its tile to global memory and sets a flag, the other one reads what came."""
    return f"""
  @!%p1 bra END;
  @!%p2 bra THERE;
  {copy}
  cp.async.bulk.commit_group;
+ cp.async.bulk.wait_group 0;
- cp.async.bulk.wait_group.read 0;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
THERE:
  ld.acquire.gpu.global.u32 %r7, [%rd2];
  setp.eq.u32 %p3, %r7, 0;
  @%p3 bra THERE;
  ld.global.u32 %r7, [%rd1];
  st.global.u32 [%rd5], %r7;
"""


# (the outcome that is forbidden, kinds, arrivals of a phase of the barrier, body)
CASES = {
    "store to the other block, its load": ("what was there before is read", {"race"}, 1, f"""
  st.shared::cluster.u32 [%r23], %r9;{MEET}
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
"""),
    "own store, load of the other block": ("what was there before is read", {"race"}, 1, f"""
  st.shared.u32 [%r13], %r9;{MEET}
  ld.shared::cluster.u32 %r7, [%r23];
  st.global.u32 [%rd5], %r7;
"""),
    "load of the other block, its store": ("what is stored later is read", {"race"}, 1, f"""
  ld.shared::cluster.u32 %r7, [%r23];{MEET}
  st.shared.u32 [%r14], %r9;
  st.global.u32 [%rd5], %r7;
"""),
    "stores of both blocks": ("the earlier one is left", {"race"}, 1, f"""
  @!%p2 st.shared::cluster.u32 [%r23], %r9;{MEET}
  @%p2 st.shared.u32 [%r13], 7;
"""),
    "generic addresses": ("what was there before is read", {"race"}, 1, f"""
  cvt.u64.u32 %rd6, %r13;
  cvta.shared.u64 %rd6, %rd6;
  mapa.u64 %rd7, %rd6, %r3;
  st.u32 [%rd7], %r9;{MEET}
  ld.u32 %r7, [%rd6];
  st.global.u32 [%rd5], %r7;
"""),
    "counters of two blocks": ("one of two increments is lost", {"race"}, 1, """
  @!%p1 bra END;
  @%p2 mov.u32 %r22, %r12;
+ red.relaxed.cluster.shared::cluster.add.u32 [%r22], %r9;
- red.relaxed.cta.shared::cluster.add.u32 [%r22], %r9;
"""),
    "plain increments of two blocks": ("one of two increments is lost", {"race"}, 1, """
  @!%p1 bra END;
  @%p2 mov.u32 %r22, %r12;
+ atom.relaxed.cluster.shared::cluster.add.u32 %r7, [%r22], %r9;
- ld.shared::cluster.u32 %r7, [%r22];
- add.u32 %r7, %r7, 1;
- st.shared::cluster.u32 [%r22], %r7;
"""),
    "a strong store and a weak load": ("half of the new value is read", {"race"}, 1, """
  @!%p1 bra END;
  @!%p2 bra THERE;
  st.relaxed.cluster.shared::cluster.u32 [%r22], %r9;
  bra END;
THERE:
+ ld.relaxed.cluster.shared.u32 %r7, [%r12];
- ld.shared.u32 %r7, [%r12];
  st.global.u32 [%rd5], %r7;
"""),
    "strong accesses of scope cta": ("the load never sees the store", {"race"}, 1, """
  @!%p1 bra END;
  @!%p2 bra THERE;
+ st.relaxed.cluster.shared::cluster.u32 [%r22], %r9;
- st.relaxed.cta.shared::cluster.u32 [%r22], %r9;
  bra END;
THERE:
  ld.relaxed.cluster.shared.u32 %r7, [%r12];
  st.global.u32 [%rd5], %r7;
"""),
    "the barrier of the cluster, relaxed": ("what was there before is read", {"race"}, 1, """
  st.shared::cluster.u32 [%r23], %r9;
+ fence.acq_rel.cluster;
  barrier.cluster.arrive.relaxed.aligned;
  barrier.cluster.wait.aligned;
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
"""),
    "a wait without acquire": ("what was there before is read", {"race"}, 64, """
  @!%p2 bra THERE;
  st.shared::cluster.u32 [%r23], %r9;
  mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r21];
  bra END;
THERE:
WAIT:
  mbarrier.try_wait.parity.relaxed.cluster.shared::cta.b64 %p3, [%r11], 0;
  @!%p3 bra WAIT;
+ fence.acq_rel.cluster;
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
"""),
    "st.async without its wait": ("what was there before is read", {"async-in-flight", "race", "uninitialised"}, 1, """
  @!%p2 bra THERE;
  st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r23], %r9, [%r21];
  bra END;
THERE:
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;
+WAIT:
+ mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r11], 0;
+ @!%p3 bra WAIT;
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
"""),
    "st.async over what is being read": ("what is stored later is read", {"race", "async-in-flight"}, 1, f"""
  @%p2 bra THERE;
  ld.shared.u32 %r7, [%r14];
THERE:{MEET}
  @!%p2 bra HERE;
  st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r23], %r9, [%r21];
  bra END;
HERE:
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;{WAIT}
  st.global.u32 [%rd5], %r7;
"""),
    "a bulk copy over what is being read": ("what the copy brings is read", {"race", "async-in-flight"}, 1, f"""
  @%p2 bra THERE;
  ld.shared.u32 %r7, [%r14];
THERE:{MEET}
  @!%p2 bra HERE;
  @!%p1 bra END;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r20], [%rd1], 256, [%r21];
  bra END;
HERE:
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;{WAIT}
  ld.shared.u32 %r8, [%r14];
  add.u32 %r7, %r7, %r8;
  st.global.u32 [%rd5], %r7;
"""),
    "a multicast over what is being read": ("what the copy brings is read", {"race", "async-in-flight"}, 1, f"""
  ld.shared.u32 %r7, [%r14];{MEET}
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;
  and.pred %p3, %p1, %p2;
  mov.u16 %rs1, 3;
  @%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r10], [%rd1], 256, [%r11], %rs1;{WAIT}
  ld.shared.u32 %r8, [%r14];
  add.u32 %r7, %r7, %r8;
  st.global.u32 [%rd5], %r7;
"""),
    "stages of a ring given back by default scope": ("what the copy brings next is read", {"race", "async-in-flight", "mbarrier"}, 65, f"""
  @%p2 bra THERE;
  ld.shared.u32 %r7, [%r14];
+ mbarrier.arrive.shared::cluster.b64 _, [%r21];
  @!%p1 bra LAST;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;
LAST:
  mbarrier.arrive.shared.b64 _, [%r11];{WAIT}
  ld.shared.u32 %r8, [%r14];
  add.u32 %r7, %r7, %r8;
  st.global.u32 [%rd5], %r7;
  bra END;
THERE:
  @!%p1 bra END;
  mbarrier.arrive.shared.b64 _, [%r11];
- mbarrier.arrive.shared.b64 _, [%r11], 64;
OTHER:
  mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r11], 0;
  @!%p3 bra OTHER;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r20], [%rd1], 256, [%r21];
"""),
    "a copy to the other block, its source": ("the copy takes what is stored later", {"async-source", "race"}, 1, f"""
  @!%p2 bra THERE;
  @!%p1 bra END;
  cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r20], [%r10], 256, [%r21];
+OTHER:
+ mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p3, [%r11], 0;
+ @!%p3 bra OTHER;
  st.shared.u32 [%r10], 7;
  bra END;
THERE:
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r11], 256;{WAIT}
  @%p1 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r21];
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
"""),
    "store to the other block, its bulk copy out": ("the copy takes what was there before", {"proxy"}, 1, """
  st.shared::cluster.u32 [%r23], %r9;
+ fence.proxy.async;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  @!%p1 bra END;
  mul.wide.u32 %rd6, %r2, 256;
  add.s64 %rd6, %rd3, %rd6;
  cp.async.bulk.global.shared::cta.bulk_group [%rd6], [%r10], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
"""),
    "bulk store, read by another block": ("what was in the buffer before is read", {"race"}, 1, _copied_out("cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r10], 256;")),
    "bulk reduction, read by another block": ("what was in the buffer before is read", {"race"}, 1, _copied_out("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1], [%r10], 256;")),
    "zeros, then a bulk reduction": ("the sum has what was in the buffer before", {"proxy"}, 1, """
  @!%p1 bra END;
  @!%p2 bra THERE;
  st.global.v4.u32 [%rd1], {%r9, %r9, %r9, %r9};
+ fence.proxy.async;
  st.release.gpu.global.u32 [%rd2], %r9;
  bra END;
THERE:
  ld.acquire.gpu.global.u32 %r7, [%rd2];
  setp.eq.u32 %p3, %r7, 0;
  @%p3 bra THERE;
  cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1], [%r10], 16;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
"""),
}

# Arrivals at the other block's mbarrier behind stores into its shared memory: {0} is the scope.
ARRIVALS = {
    "arrive": "mbarrier.arrive.release.{0}.shared::cluster.b64 _, [%r21];",
    "arrive with a count": "mbarrier.arrive.release.{0}.shared::cluster.b64 _, [%r21], 1;",
    "arrive_drop": "mbarrier.arrive_drop.release.{0}.shared::cluster.b64 _, [%r21];",
    "expect_tx": "mbarrier.arrive.expect_tx.release.{0}.shared::cluster.b64 _, [%r21], 0;",
    "fence and relaxed": "fence.acq_rel.{0}; mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%r21];",
}
WAITS = {"try_wait": "try_wait.parity.acquire.{0}", "test_wait": "test_wait.parity.acquire.{0}"}


def arrival(form, scope, wait, seen):
    arrive = ARRIVALS[form].format(scope)
    test = WAITS[wait].format(seen)
    return kernel(64, f"""
  @!%p2 bra THERE;
  st.shared::cluster.u32 [%r23], %r9;
  {arrive}
  bra END;
THERE:
  mbarrier.{test}.shared::cta.b64 %p3, [%r11], 0;
  @!%p3 bra THERE;
  ld.shared.u32 %r7, [%r14];
  st.global.u32 [%rd5], %r7;
""", broken=False)


def kernel(count, body, broken):
    """`broken` chooses between the marked lines."""
    lines = []
    for line in body.strip("\n").splitlines():
        if line[:1] in ("+", "-"):
            if (line[0] == "-") == broken:
                lines.append(line[1:] if line.endswith(":") else " " + line[1:])
        else:
            lines.append(line)
    head = HEAD.replace("COUNT", str(count)).replace("  .reg .b64", "  .reg .b16 %rs<4>;\n  .reg .b64")
    return head + "\n".join(lines) + "\n" + TAIL


def message_passing(poll, set_, after):
    """Datum and flag in the shared memory of the block that reads; forbidden: the flag is seen and the datum is not."""
    shared = lambda text, where: text.replace(".global", where).replace("[%rd2]", "[%r22]" if "cluster" in where else "[%r12]")
    return kernel(1, f"""
  @!%p1 bra END;
  @!%p2 bra THERE;
  st.shared::cluster.u32 [%r20], %r9;
  {shared(set_, ".shared::cluster")}
  bra END;
THERE:
  {shared(poll, ".shared")}
  setp.eq.u32 %p3, %r5, 0;
  @%p3 bra THERE;
  {after}
  ld.shared.u32 %r6, [%r10];
  st.global.u32 [%rd5], %r6;
""", broken=False)

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The decoder takes no more than ptxas, and all that ptxas takes of what the ISA lists: a sample of changed instructions
# by the run's seed; ten times as many, and every opcode's operands, with `full`.
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runner  # noqa: E402
import strictness  # noqa: E402


@pytest.fixture(scope="module")
def simulator(build_dir):
    return runner.Simulator(build_dir / "lib" / "libcameo-ptx.so")


def compare(simulator, ptxas, lines):
    lax, strict = strictness.compare(simulator, ptxas, lines)
    lax = {text: said for text, said in lax.items() if not strictness.meant(text, False)}
    strict = {text: said for text, said in strict.items() if not strictness.meant(text, True)}
    return lax, strict


def show(found):
    return f"{len(found)}:\n" + "\n".join(f"{text}    {said}" for text, said in list(found.items())[:30])


def test_instructions_with_another_modifier(simulator, ptxas, seed):
    lines = strictness.candidates(2500, seed, operands_too=False)
    lax, strict = compare(simulator, ptxas, lines)
    assert len(lines) > 5000 and len(lax) <= len(lines) / 1000, show(lax)
    assert len(strict) <= len(lines) / 500, show(strict)


@pytest.mark.full
@pytest.mark.parametrize("part", range(4))
def test_many_instructions(simulator, ptxas, seed, part):
    lines = strictness.candidates(8000, 4 * seed + part)
    lax, strict = compare(simulator, ptxas, lines)
    assert len(lax) <= len(lines) / 200, show(lax)
    assert len(strict) <= len(lines) / 200, show(strict)


TAKEN = ["cvt.rn.bf16.f32 %h1, %w1;", "cvt.sat.f32.f16 %w1, %h1;", "add.sat.s32 %w1, %w2, %w3;", "bar.red.popc.u32 %w1, 0, %p1;",
         "fence.acq_rel.gpu;", "atom.acq_rel.gpu.global.add.noftz.v4.f16 {%h1, %h2, %h3, %h4}, [%d1], {%h1, %h2, %h3, %h4};"]
REFUSED = {"cvt.rn.sat.bf16.f32 %h1, %w1;": "cvt.rn.sat.bf16.f32", "add.sat.u32 %w1, %w2, %w3;": "add.sat.u32",
           "add.f32 %w1, %w2, 1;": "takes a float", "mov.u32 %w1, 0f3F800000;": "does not take a float",
           "add.u32 _, %w1, %w2;": "thrown away", "ld.generic.u32 %w1, [%d1];": ".generic", "ld.u32 %w1, [%w2];": "64 bits",
           "ret %w1;": "1 operands", "trap 1;": "1 operands",
           "elect.sync %w1, -1;": "a lane and a predicate", "bfe.u32 %w1, %w2, 256, 4;": "0 to 255", "div.f32 %w1, %w2, %w3;": "div.f32",
           "ld.global.f16 %h1, [%d1];": "ld.global.f16", "ldmatrix.sync.aligned.m8n8.x1.shared.b16 %w1, [%w2];": "in braces",
           "discard.global.L2 [%d1], 64;": "128 bytes", "mbarrier.arrive.release.shared.b64 %d1, [%w1];": "mbarrier.arrive.release"}


def test_what_is_taken_and_what_is_not(simulator, ptxas):
    lines = TAKEN + list(REFUSED)
    for by in (strictness.refused_by_machine(simulator, lines), strictness.refused_by_ptxas(ptxas, lines, "sm_90a")):
        assert sorted(by) == list(range(len(TAKEN), len(lines))), [lines[i] for i in range(len(lines)) if (i in by) == (i < len(TAKEN))]
    said = strictness.refused_by_machine(simulator, lines)
    for i, words in enumerate(REFUSED.values()):
        assert words in said[len(TAKEN) + i], said[len(TAKEN) + i]

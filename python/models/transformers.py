# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Transformers: a BERT encoder, a ViT, and a GPT-2-like decoder whose keys and values of earlier tokens
# come in and go out. Sequence lengths are dynamic; heads are split and joined by the
# Shape -> Gather -> Unsqueeze -> Concat -> Reshape chains that tracing exporters leave behind.
import math

import numpy as np
from onnx import TensorProto, helper

from .builder import Builder


def _heads(b, x, heads, width):
    """[batch, sequence, width] -> [batch, heads, sequence, width / heads]"""
    x = b.reshape(x, b.size(x, 0), b.size(x, 1), heads, width // heads)
    return b.op("Transpose", x, perm=[0, 2, 1, 3])


def _join(b, x, width):
    x = b.op("Transpose", x, perm=[0, 2, 1, 3])
    return b.reshape(x, b.size(x, 0), b.size(x, 1), width)


def _check_heads(width, heads):
    if width % heads:
        raise ValueError(f"width {width} is no multiple of {heads} heads")


def _encoder_attention(b, x, heads, width, mask=None):
    parts = {}
    for name in ("query", "key", "value"):
        with b.scope(name):
            parts[name] = _heads(b, b.linear(x, width, width), heads, width)
    keys = b.op("Transpose", parts["key"], perm=[0, 1, 3, 2])
    scores = b.op("Div", b.op("MatMul", parts["query"], keys), b.scalar(math.sqrt(width // heads)))
    if mask:
        scores = b.op("Add", scores, mask)
    mixed = _join(b, b.op("MatMul", b.op("Softmax", scores, axis=-1), parts["value"]), width)
    with b.scope("output"):
        return b.linear(mixed, width, width)


def _feed_forward(b, x, width, activate, gain=1.0):
    with b.scope("up"):
        x = activate(b.linear(x, width, 4 * width))
    with b.scope("down"):
        return b.linear(x, 4 * width, width, gain)


def bert(depth=12, width=768, dtype="f32", seed=0, opset=17, heads=12, vocabulary=30522, positions=512):
    """BERT encoder: ids, mask and token types in, last hidden state and pooled first token out."""
    _check_heads(width, heads)
    b = Builder("bert", dtype, seed, opset)
    dims = ["batch", "sequence"]
    ids = b.input("input_ids", dims, TensorProto.INT64)
    mask = b.input("attention_mask", dims, TensorProto.INT64)
    types = b.input("token_type_ids", dims, TensorProto.INT64)
    with b.scope("embeddings"):
        index = b.tensor("position_ids", np.arange(positions)[None])
        length = b.op("Unsqueeze", b.size(ids, 1), b.constant([0]))
        index = b.op("Slice", index, b.constant([0]), length, b.constant([1]))
        words = b.op("Gather", b.weight("word.weight", [vocabulary, width], 1), ids)
        kinds = b.op("Gather", b.weight("type.weight", [2, width], 1), types)
        places = b.op("Gather", b.weight("position.weight", [positions, width], 1), index)
        x = b.op("Add", b.op("Add", words, kinds), places)
        with b.scope("norm"):
            x = b.layer_norm(x, width, 1e-12 if dtype == "f32" else 1e-5)
    with b.scope("mask"):
        wide = b.op("Unsqueeze", b.op("Unsqueeze", mask, b.constant([1])), b.constant([2]))
        off = b.op("Sub", b.scalar(1), b.op("Cast", wide, to=b.dtype))
        bias = b.op("Mul", off, b.scalar(-1e4))
    for layer in range(depth):
        with b.scope(f"layer.{layer}"):
            with b.scope("attention"):
                x = b.op("Add", _encoder_attention(b, x, heads, width, bias), x)
                with b.scope("norm"):
                    x = b.layer_norm(x, width)
            with b.scope("mlp"):
                x = b.op("Add", _feed_forward(b, x, width, b.gelu), x)
                with b.scope("norm"):
                    x = b.layer_norm(x, width)
    with b.scope("pooler"):
        first = b.op("Gather", x, b.constant(0), axis=1)
        pooled = b.op("Tanh", b.op("Gemm", first, b.weight("weight", [width, width], width),
                                   b.near("bias", [width], 0.0), transB=1))
    b.output(x, "last_hidden_state", [*dims, width])
    b.output(pooled, "pooler_output", ["batch", width])
    return b.model()


def vit(depth=12, width=768, dtype="f32", seed=0, opset=17, heads=12, image_size=224, patch=16, classes=1000):
    """ViT-B/16 at the defaults."""
    _check_heads(width, heads)
    if image_size % patch:
        raise ValueError(f"vit image size {image_size} is no multiple of the patch {patch}")
    b = Builder("vit", dtype, seed, opset)
    tokens = (image_size // patch) ** 2 + 1
    x = b.input("pixel_values", ["batch", 3, image_size, image_size])
    batch = b.size(x, 0)
    with b.scope("embeddings"):
        fan_in = 3 * patch * patch
        x = b.op("Conv", x, b.weight("weight", [width, 3, patch, patch], fan_in), b.near("bias", [width], 0.0),
                 kernel_shape=[patch] * 2, strides=[patch] * 2, pads=[0] * 4, dilations=[1, 1], group=1)
        x = b.op("Transpose", b.reshape(x, b.size(x, 0), b.size(x, 1), -1), perm=[0, 2, 1])
        # What a traced expand(batch, -1, -1) becomes: -1 is replaced by the size that is there.
        wanted = b.shape_of(batch, -1, -1)
        ones = b.op("ConstantOfShape", b.op("Shape", wanted),
                    value=helper.make_tensor("value", TensorProto.INT64, [1], [1]))
        unknown = b.op("Equal", wanted, b.op("Mul", ones, b.constant(-1)))
        token = b.op("Expand", b.weight("cls_token", [1, 1, width], 1), b.op("Where", unknown, ones, wanted))
        x = b.op("Add", b.op("Concat", token, x, axis=1), b.weight("positions", [1, tokens, width], 4))
    for layer in range(depth):
        with b.scope(f"layer.{layer}"):
            with b.scope("norm1"):
                y = b.layer_norm(x, width, 1e-6)
            with b.scope("attention"):
                x = b.op("Add", _encoder_attention(b, y, heads, width), x)
            with b.scope("norm2"):
                y = b.layer_norm(x, width, 1e-6)
            with b.scope("mlp"):
                x = b.op("Add", _feed_forward(b, y, width, b.gelu), x)
    with b.scope("norm"):
        x = b.layer_norm(x, width, 1e-6)
    with b.scope("head"):
        x = b.op("Gemm", b.op("Gather", x, b.constant(0), axis=1), b.weight("weight", [classes, width], width),
                 b.near("bias", [classes], 0.0), transB=1)
    b.output(x, "logits", ["batch", classes])
    return b.model()


def gpt(depth=12, width=768, dtype="f32", seed=0, opset=17, heads=12, vocabulary=50257, positions=1024):
    """GPT-2-like decoder with a KV cache: `past` tokens come in as keys and values, past + sequence go out."""
    _check_heads(width, heads)
    b = Builder("gpt", dtype, seed, opset)
    head = width // heads
    ids = b.input("input_ids", ["batch", "sequence"], TensorProto.INT64)
    cache = [(b.input(f"past_key_values.{k}.key", ["batch", heads, "past", head]),
              b.input(f"past_key_values.{k}.value", ["batch", heads, "past", head])) for k in range(depth)]

    def projection(x, inputs, outputs, gain=1.0):
        # GPT-2's "Conv1D": flattened to two dimensions, Gemm, and back.
        target = b.shape_of(b.size(x, 0), b.size(x, 1), outputs)
        flat = b.op("Reshape", x, b.constant([-1, inputs]))
        product = b.op("Gemm", flat, b.weight("weight", [inputs, outputs], inputs, gain),
                       b.near("bias", [outputs], 0.0), alpha=1.0, beta=1.0)
        return b.op("Reshape", product, target)

    def attention(x, past_key, past_value, causal):
        with b.scope("c_attn"):
            q, k, v = b.op("Split", projection(x, width, 3 * width), b.constant([width] * 3), axis=2, outputs=3)
        q, k, v = (_heads(b, part, heads, width) for part in (q, k, v))
        k = b.op("Concat", past_key, k, axis=-2)
        v = b.op("Concat", past_value, v, axis=-2)
        scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = b.op("Div", scores, b.scalar(math.sqrt(head)))
        # Rows past .. past + sequence of the triangle, columns up to past + sequence.
        total, new = b.size(k, -2), b.size(q, -2)
        first = b.op("Unsqueeze", b.op("Sub", total, new), b.constant([0]))
        end = b.op("Unsqueeze", total, b.constant([0]))
        visible = b.op("Slice", causal, first, end, b.constant([2]), b.constant([1]))
        visible = b.op("Slice", visible, b.constant([0]), end, b.constant([3]), b.constant([1]))
        lowest = -1e4 if dtype == "f16" else float(np.finfo(np.float32).min)
        weights = b.op("Softmax", b.op("Where", visible, scores, b.scalar(lowest)), axis=-1)
        with b.scope("c_proj"):
            return projection(_join(b, b.op("MatMul", weights, v), width), width, width, 0.5), k, v

    with b.scope("wte"):
        table = b.weight("weight", [vocabulary, width], 1, 0.7)
    past = b.size(cache[0][0], -2)
    index = b.op("Range", past, b.op("Add", past, b.size(ids, 1)), b.constant(1))
    with b.scope("wpe"):
        places = b.op("Gather", b.weight("weight", [positions, width], 1, 0.3),
                      b.op("Unsqueeze", index, b.constant([0])))
    x = b.op("Add", b.op("Gather", table, ids), places)
    causal = b.tensor("bias", np.tril(np.ones((positions, positions), bool))[None, None])
    presents = []
    for layer in range(depth):
        with b.scope(f"h.{layer}"):
            with b.scope("ln_1"):
                y = b.layer_norm(x, width)
            with b.scope("attn"):
                y, *present = attention(y, *cache[layer], causal)
            presents.append(present)
            x = b.op("Add", y, x)
            with b.scope("ln_2"):
                y = b.layer_norm(x, width)
            with b.scope("mlp.c_fc"):
                y = b.gelu_tanh(projection(y, width, 4 * width))
            with b.scope("mlp.c_proj"):
                x = b.op("Add", x, projection(y, 4 * width, width, 0.5))
    with b.scope("ln_f"):
        x = b.layer_norm(x, width)
    # The embedding is also the output projection, and its values are near 1: scale the logits back.
    logits = b.op("MatMul", b.op("Mul", x, b.scalar(1 / math.sqrt(width))), b.op("Transpose", table, perm=[1, 0]))
    b.output(logits, "logits", ["batch", "sequence", vocabulary])
    for layer, (key, value) in enumerate(presents):
        dims = ["batch", heads, "past + sequence", head]
        b.output(key, f"present.{layer}.key", dims)
        b.output(value, f"present.{layer}.value", dims)
    return b.model()

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The product of a warpgroup, as one product of the host. Operands become rows of f32 once (every
// type but single bits is exact in f32, and so is every sum of products of the integers). Dense
// products are computed in the layout of the accumulators' registers: a register holds eight rows
// of four columns, so that a vector of A repeats each row's element four times and one of B repeats
// four columns; nothing of D has to be rearranged. The order is that of mma.sync: starting with D,
// ascending k, one fused multiply-add per step; f16 is rounded once, at the end. Sparse products and
// those of the hardware's numerics go element by element.
#include "Async.h"
#include "HardwareMma.h"
#include "WgmmaOperands.h"

#include <bit>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

constexpr unsigned rows = 64, mostK = 64, mostStoredK = 32, mostN = 256;

struct Scratch {
  alignas(64) float a[rows * mostStoredK];         ///< [row][k]
  alignas(64) float b[mostN * mostK];              ///< [column][k]
  alignas(64) float wideA[8][mostStoredK][lanes];  ///< by eight rows: as the lanes have them
  alignas(64) float quadsB[mostN / 4 * mostK][4];  ///< [quad][k]: columns 8j + p, +2, +4, +6 of quad 2j + p
  u8 index[rows * mostStoredK];
};

// -- accumulators: f32 in registers r, r + 1 of a quad's even and odd columns ---------------------

struct Registers {
  Registers(const WgmmaJob &job, unsigned warp, unsigned column8, unsigned half)
      : frame(job.frames[warp]), form(*job.operation->form), j(column8), h(half) {}
  u8 *frame;
  const WgmmaForm &form;
  unsigned j, h;

  float *wide(unsigned p) const { return reinterpret_cast<float *>(frame + form.slotsD[4 * j + 2 * h + p]); }
  u16 *halves() const { return reinterpret_cast<u16 *>(frame + form.slotsD[2 * j + h]); }

  void load(float (&c)[2][lanes], bool accumulates) const {
    if (!accumulates || form.d == WgmmaResult::S32) {
      std::memset(c, 0, sizeof c);
      return;
    }
    for (unsigned p = 0; p < 2; ++p) {
      if (form.d == WgmmaResult::F32) {
        std::memcpy(c[p], wide(p), sizeof c[p]);
        continue;
      }
      const u16 *from = halves();
      for (unsigned l = 0; l < lanes; ++l)
        c[p][l] = halfToFloat(from[2 * l + p]);
    }
  }
  /// f32 is where it belongs: what is computed in place.
  bool inPlace() const { return form.d == WgmmaResult::F32; }
  void store(const float (&c)[2][lanes], bool accumulates) const {
    for (unsigned p = 0; p < 2; ++p) {
      if (form.d == WgmmaResult::F32) {
        float *d = wide(p);
        for (unsigned l = 0; l < lanes; ++l)
          d[l] = canonical(c[p][l]);
      } else if (form.d == WgmmaResult::F16) {
        u16 *d = halves();
        for (unsigned l = 0; l < lanes; ++l)
          d[2 * l + p] = floatToHalf(c[p][l]);
      } else {
        addIntegers(reinterpret_cast<s32 *>(wide(p)), c[p], accumulates);
      }
    }
  }
  void addIntegers(s32 *d, const float *c, bool accumulates) const {
    for (unsigned l = 0; l < lanes; ++l) {
      s64 v = s64(c[l]) + (accumulates ? d[l] : 0);
      if (form.saturates)
        v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
      d[l] = s32(u32(u64(v)));
    }
  }
};

// -- dense products -------------------------------------------------------------------------------

#if defined(__AVX512F__)
constexpr unsigned width = 16;
#elif defined(__AVX__)
constexpr unsigned width = 8;
#else
constexpr unsigned width = 4;
#endif
typedef float Vector __attribute__((vector_size(width * 4)));
typedef float Quad __attribute__((vector_size(16)));

inline Vector repeat(const float *four) {
  Quad q;
  std::memcpy(&q, four, 16);
#if defined(__AVX512F__)
  return __builtin_shufflevector(q, q, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
#elif defined(__AVX__)
  return __builtin_shufflevector(q, q, 0, 1, 2, 3, 0, 1, 2, 3);
#else
  return q;
#endif
}

/// Exact: no product is rounded, so that a multiplication and an addition are as good as fused ones.
template <bool Exact> inline Vector multiplyAdd(Vector a, Vector b, Vector c) {
#if defined(__FMA__) && defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  if (Exact)
    return a * b + c;
  Vector r;
  for (unsigned i = 0; i < width; ++i)
    r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

#if defined(__clang__)
#define CAMEO_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CAMEO_UNROLL _Pragma("GCC unroll 8")
#endif

typedef int32_t Bits __attribute__((vector_size(width * 4)));

/// A NaN is the canonical one.
inline Vector canonicalVector(Vector v) {
  Bits number = v == v;
  return (Vector)(((Bits)v & number) | (~number & 0x7fffffff));
}

/// Eight rows times the eight columns of `Octets` neighbours, to the 32 lanes at each c.
template <bool Exact, unsigned Octets>
[[gnu::always_inline]] inline void multiplyOctets(const float (*a)[lanes], const float (*b)[4], unsigned k,
                                                  float *const *c, bool accumulates) {
  constexpr unsigned parts = lanes / width, quads = 2 * Octets;
  Vector acc[quads][parts] = {};
  if (accumulates)
CAMEO_UNROLL
    for (unsigned q = 0; q < quads; ++q)
CAMEO_UNROLL
      for (unsigned p = 0; p < parts; ++p)
        std::memcpy(&acc[q][p], c[q] + p * width, sizeof acc[q][p]);
  for (unsigned i = 0; i < k; ++i)
CAMEO_UNROLL
    for (unsigned q = 0; q < quads; ++q) {
      Vector vb = repeat(b[q * k + i]);
CAMEO_UNROLL
      for (unsigned p = 0; p < parts; ++p) {
        Vector va;
        std::memcpy(&va, a[i] + p * width, sizeof va);
        acc[q][p] = multiplyAdd<Exact>(va, vb, acc[q][p]);
      }
    }
CAMEO_UNROLL
  for (unsigned q = 0; q < quads; ++q)
CAMEO_UNROLL
    for (unsigned p = 0; p < parts; ++p) {
      Vector v = canonicalVector(acc[q][p]);
      std::memcpy(c[q] + p * width, &v, sizeof v);
    }
}

/// Four numbers of each of four columns, `apart` floats from each other, to four numbers of k for each k.
inline void transpose(const float *column, unsigned apart, float (*to)[4]) {
  auto row = [&](unsigned t) {
    Quad q;
    std::memcpy(&q, column + t * apart, sizeof q);
    return q;
  };
  Quad r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  Quad low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  Quad high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7), high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  Quad out[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                 __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  std::memcpy(to, out, sizeof out);
}

void arrange(const WgmmaForm &form, Scratch &s) {
  unsigned k = form.k;
  for (unsigned e = 0; e < 8; ++e)
    for (unsigned i = 0; i < k; ++i)
      for (unsigned r = 0; r < 8; ++r) {
        float v = s.a[(e * 8 + r) * k + i];
        for (unsigned t = 0; t < 4; ++t)
          s.wideA[e][i][r * 4 + t] = v;
      }
  for (unsigned q = 0; q < form.n / 4; ++q) {
    const float *column = s.b + (q / 2 * 8 + q % 2) * k; // its own, and every second one behind it
    for (unsigned i = 0; i < k; i += 4)
      transpose(column + i, 2 * k, s.quadsB + q * k + i);
  }
}

template <bool Exact> void multiplyDense(const WgmmaJob &job, Scratch &s) {
  const WgmmaForm &form = *job.operation->form;
  bool accumulates = job.operation->accumulates;
  constexpr unsigned octets = width == 16 ? 2 : 1;
  arrange(form, s);
  for (unsigned e = 0; e < 8; ++e) // eight rows: half of a warp's
    for (unsigned j = 0; j < form.n / 8;) {
      unsigned count = j + octets <= form.n / 8 ? octets : 1;
      alignas(64) float c[octets][2][lanes];
      float *at[2 * octets];
      for (unsigned o = 0; o < count; ++o) {
        Registers registers(job, e / 2, j + o, e & 1);
        for (unsigned p = 0; p < 2; ++p)
          at[2 * o + p] = registers.inPlace() ? registers.wide(p) : c[o][p];
        if (!registers.inPlace())
          registers.load(c[o], accumulates);
      }
      bool adds = accumulates || form.d != WgmmaResult::F32;
      if (count == octets)
        multiplyOctets<Exact, octets>(s.wideA[e], s.quadsB + 2 * j * form.k, form.k, at, adds);
      else
        multiplyOctets<Exact, 1>(s.wideA[e], s.quadsB + 2 * j * form.k, form.k, at, adds);
      for (unsigned o = 0; o < count && form.d != WgmmaResult::F32; ++o)
        Registers(job, e / 2, j + o, e & 1).store(c[o], accumulates);
      j += count;
    }
}

// -- element by element: sparse, or with the hardware's numerics ----------------------------------

void findAllRows(const WgmmaJob &job, Scratch &s) {
  const WgmmaForm &form = *job.operation->form;
  for (unsigned w = 0; w < warpsOfGroup; ++w) {
    const u32 *meta = job.operation->meta.data() + w * lanes;
    u8 *index = s.index + w * 16 * form.kA;
    if (form.bits == 32)
      findRows<Sparsity::OneOfTwo, true>(meta, form.kA, form.selector, index);
    else if (form.bits == 16)
      findRows<Sparsity::TwoOfFour, true>(meta, form.kA, form.selector, index);
    else
      findRows<Sparsity::TwoOfFour, false>(meta, form.kA, form.selector, index);
  }
}

int leastExponent(WgmmaType t) {
  return t == WgmmaType::F16 || t == WgmmaType::E5M2 ? -14 : t == WgmmaType::E4M3 ? -6 : -126;
}

FusedModel modelOf(const Exec &x, const WgmmaForm &form) {
  FusedModel f;
  f.on = x.launch->hardwareMma && form.d != WgmmaResult::S32;
  bool eight = form.bits == 8;
  f.fraction = eight ? 13 : 25;
  f.resultBits = eight ? 13 : 23;
  f.half = form.d == WgmmaResult::F16;
  f.leastA = leastExponent(form.a), f.leastB = leastExponent(form.b);
  f.leastC = f.half ? -14 : -126;
  return f;
}

void multiplyElements(const WgmmaJob &job, const FusedModel &model, Scratch &s) {
  const WgmmaForm &form = *job.operation->form;
  bool accumulates = job.operation->accumulates;
  if (form.sparse)
    findAllRows(job, s);
  for (unsigned e = 0; e < 8; ++e)
    for (unsigned j = 0; j < form.n / 8; ++j) {
      Registers registers(job, e / 2, j, e & 1);
      float c[2][lanes];
      registers.load(c, accumulates);
      for (unsigned p = 0; p < 2; ++p)
        for (unsigned l = 0; l < lanes; ++l) {
          unsigned row = e * 8 + l / 4;
          const float *a = s.a + row * form.kA, *b = s.b + (8 * j + l % 4 * 2 + p) * form.k;
          const u8 *at = form.sparse ? s.index + row * form.kA : nullptr;
          if (model.on) {
            c[p][l] = fusedDot(model, a, b, form.kA, 1, at, c[p][l]);
            continue;
          }
          for (unsigned i = 0; i < form.kA; ++i)
            c[p][l] = __builtin_fmaf(a[i], b[at ? at[i] : i], c[p][l]);
        }
      registers.store(c, accumulates);
    }
}

// -- single bits ----------------------------------------------------------------------------------

void multiplyBits(const WgmmaJob &job) {
  const WgmmaOperation &o = *job.operation;
  const WgmmaForm &form = *o.form;
  u32 a[rows][8], b[mostN][8];
  for (unsigned r = 0; r < form.n * 2; ++r)
    std::memcpy(&b[r / 2][r % 2 * 4], job.shared + (o.unitsB->all[r] - sharedBase), 16);
  for (unsigned r = 0; r < rows * 2 && !form.aInRegisters; ++r)
    std::memcpy(&a[r / 2][r % 2 * 4], job.shared + (o.unitsA->all[r] - sharedBase), 16);
  for (unsigned w = 0; w < warpsOfGroup && form.aInRegisters; ++w)
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned l = 0; l < lanes; ++l)
        std::memcpy(&a[w * 16 + l / 4 + 8 * (r & 1)][r / 2 * 4 + l % 4], job.frames[w] + form.slotsA[r] + 4 * l, 4);
  for (unsigned w = 0; w < warpsOfGroup; ++w)
    for (unsigned r = 0; r < form.n / 2; ++r) {
      u32 *d = reinterpret_cast<u32 *>(job.frames[w] + form.slotsD[r]);
      for (unsigned l = 0; l < lanes; ++l) {
        unsigned row = w * 16 + l / 4 + 8 * (r >> 1 & 1), n = r / 4 * 8 + l % 4 * 2 + (r & 1);
        u32 sum = o.accumulates ? d[l] : 0;
        for (unsigned i = 0; i < 8; ++i)
          sum += u32(std::popcount(a[row][i] & b[n][i]));
        d[l] = sum;
      }
    }
}

/// The operation that is done now is the block's `job`.
void product(Exec &x, const Op &) {
  const WgmmaJob &job = x.block->async->wgmma->job;
  const WgmmaForm &form = *job.operation->form;
  if (form.a == WgmmaType::B1)
    return multiplyBits(job);
  static thread_local std::unique_ptr<Scratch> scratch;
  if (!scratch)
    scratch = std::make_unique<Scratch>();
  Scratch &s = *scratch;
  loadOperand(job, true, s.a);
  loadOperand(job, false, s.b);
  if (form.negates)
    for (unsigned i = 0; i < rows * form.kA; ++i)
      s.a[i] = -s.a[i];
  FusedModel model = modelOf(x, form);
  if (form.sparse || model.on)
    multiplyElements(job, model, s);
  else if (form.a == WgmmaType::BF16 || form.a == WgmmaType::TF32)
    multiplyDense<false>(job, s);
  else
    multiplyDense<true>(job, s);
}

} // namespace

void wgmmaProductRows(HandlerRows &rows) { rows.push_back({"wgmma.product", &product}); }

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

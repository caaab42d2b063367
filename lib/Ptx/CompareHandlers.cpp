// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// setp: comparisons into predicates. Ordered comparisons of floats are false with a NaN, the
// unordered ones (`ltu`) true.
#include "HalfFloat.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

template <typename T> bool eq(T a, T b) { return a == b; }
template <typename T> bool ne(T a, T b) { return a != b; }
template <typename T> bool lt(T a, T b) { return a < b; }
template <typename T> bool le(T a, T b) { return a <= b; }
template <typename T> bool gt(T a, T b) { return a > b; }
template <typename T> bool ge(T a, T b) { return a >= b; }

// The same of floats: `ne` is ordered too, other than C's.
template <typename T> bool neOrdered(T a, T b) { return a < b || a > b; }
template <typename T> bool equ(T a, T b) { return !(a < b || a > b); }
template <typename T> bool ltu(T a, T b) { return !(a >= b); }
template <typename T> bool leu(T a, T b) { return !(a > b); }
template <typename T> bool gtu(T a, T b) { return !(a <= b); }
template <typename T> bool geu(T a, T b) { return !(a < b); }
template <typename T> bool num(T a, T b) { return a == a && b == b; }
template <typename T> bool nan(T a, T b) { return a != a || b != b; }

template <bool (*F)(float, float)> bool flushed(float a, float b) { return F(flush(a), flush(b)); }
template <bool (*F)(float, float)> bool halves(u16 a, u16 b) {
  return F(halfToFloat(a), halfToFloat(b));
}
template <bool (*F)(float, float)> bool flushedHalves(u16 a, u16 b) {
  auto zero = [](u16 v) { return (v & 0x7c00) ? v : u16(v & 0x8000); };
  return F(halfToFloat(zero(a)), halfToFloat(zero(b)));
}
template <bool (*F)(float, float)> bool brains(u16 a, u16 b) {
  return F(brainToFloat(a), brainToFloat(b));
}

template <typename T> void integer(HandlerRows &rows, const char *const (&names)[6]) {
  rows.push_back({names[0], &compareLanes<&eq<T>, T>});
  rows.push_back({names[1], &compareLanes<&ne<T>, T>});
  rows.push_back({names[2], &compareLanes<&lt<T>, T>});
  rows.push_back({names[3], &compareLanes<&le<T>, T>});
  rows.push_back({names[4], &compareLanes<&gt<T>, T>});
  rows.push_back({names[5], &compareLanes<&ge<T>, T>});
}

} // namespace

#define NAMES(T)                                                                                   \
  {"setp.eq" T, "setp.ne" T, "setp.lt" T, "setp.le" T, "setp.gt" T, "setp.ge" T}
#define FLOAT(NAME, F)                                                                             \
  rows.push_back({"setp." NAME ".f32", &compareLanes<&F<float>, float>});                          \
  rows.push_back({"setp." NAME ".f32.ftz", &compareLanes<&flushed<&F<float>>, float>});            \
  rows.push_back({"setp." NAME ".f64", &compareLanes<&F<double>, double>});                        \
  rows.push_back({"setp." NAME ".f16", &compareLanes<&halves<&F<float>>, u16>});                   \
  rows.push_back({"setp." NAME ".f16.ftz", &compareLanes<&flushedHalves<&F<float>>, u16>});         \
  rows.push_back({"setp." NAME ".bf16", &compareLanes<&brains<&F<float>>, u16>})

void compareRows(HandlerRows &rows) {
  integer<u16>(rows, NAMES(".u16"));
  integer<u32>(rows, NAMES(".u32"));
  integer<u64>(rows, NAMES(".u64"));
  integer<s16>(rows, NAMES(".s16"));
  integer<s32>(rows, NAMES(".s32"));
  integer<s64>(rows, NAMES(".s64"));
  FLOAT("eq", eq);
  FLOAT("ne", neOrdered);
  FLOAT("lt", lt);
  FLOAT("le", le);
  FLOAT("gt", gt);
  FLOAT("ge", ge);
  FLOAT("equ", equ);
  FLOAT("neu", ne);
  FLOAT("ltu", ltu);
  FLOAT("leu", leu);
  FLOAT("gtu", gtu);
  FLOAT("geu", geu);
  FLOAT("num", num);
  FLOAT("nan", nan);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

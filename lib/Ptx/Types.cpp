// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The names, sizes and kinds of PTX types: one table.
#include "Ast.h"

namespace cameo::ptx {
namespace {

struct TypeRow {
  Type type;
  std::string_view name;
  uint8_t bytes;
  bool isFloat, isSigned;
};

constexpr TypeRow rows[] = {
    {Type::None, "", 0, false, false},         {Type::Pred, ".pred", 0, false, false},
    {Type::B8, ".b8", 1, false, false},        {Type::B16, ".b16", 2, false, false},
    {Type::B32, ".b32", 4, false, false},      {Type::B64, ".b64", 8, false, false},
    {Type::B128, ".b128", 16, false, false},   {Type::U8, ".u8", 1, false, false},
    {Type::U16, ".u16", 2, false, false},      {Type::U32, ".u32", 4, false, false},
    {Type::U64, ".u64", 8, false, false},      {Type::S8, ".s8", 1, false, true},
    {Type::S16, ".s16", 2, false, true},       {Type::S32, ".s32", 4, false, true},
    {Type::S64, ".s64", 8, false, true},       {Type::F16, ".f16", 2, true, true},
    {Type::F16x2, ".f16x2", 4, true, true},    {Type::BF16, ".bf16", 2, true, true},
    {Type::BF16x2, ".bf16x2", 4, true, true},  {Type::F32, ".f32", 4, true, true},
    {Type::F64, ".f64", 8, true, true},        {Type::TF32, ".tf32", 4, true, true},
    {Type::E4M3, ".e4m3", 1, true, true},      {Type::E5M2, ".e5m2", 1, true, true},
    {Type::E4M3x2, ".e4m3x2", 2, true, true},  {Type::E5M2x2, ".e5m2x2", 2, true, true},
    {Type::F32x2, ".f32x2", 8, true, true},    {Type::U16x2, ".u16x2", 4, false, false},
    {Type::S16x2, ".s16x2", 4, false, true},
};

const TypeRow &row(Type type) { return rows[static_cast<unsigned>(type)]; }

} // namespace

unsigned sizeOf(Type type) { return row(type).bytes; }
bool isFloat(Type type) { return row(type).isFloat; }
bool isUntyped(Type type) {
  return type == Type::B8 || type == Type::B16 || type == Type::B32 || type == Type::B64 || type == Type::B128;
}
bool isSigned(Type type) { return row(type).isSigned; }
std::string_view nameOf(Type type) { return row(type).name; }

std::optional<Type> typeByName(std::string_view modifier) {
  for (const TypeRow &candidate : rows)
    if (candidate.name == modifier && candidate.type != Type::None)
      return candidate.type;
  return std::nullopt;
}

std::string_view nameOf(Space space) {
  constexpr std::string_view names[] = {"generic", "global", "shared", "local",
                                        "param",   "const",  "register", "shared::cluster"};
  return names[static_cast<unsigned>(space)];
}

} // namespace cameo::ptx

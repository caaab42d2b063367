// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of each opcode as the PTX ISA lists them: which modifiers there are together, each once. The decoder
// takes an instruction apart by what it needs to know, and would let pass what means nothing (a `.sat` that no such
// conversion has, a second type, `.ftz` on f64); what fits no row here is refused.
//
// A row is a list of slots; a slot is a list of alternatives, and `?` behind it says that it may be empty. Types stand
// in the order of the slots, other modifiers in any order, as ptxas takes them.
#include "Forms.h"

#include "Ast.h"

#include <algorithm>
#include <vector>

namespace cameo::ptx {
namespace {

#define INTEGER "u16|s16|u32|s32|u64|s64"
#define ANYINT "u8|s8|" INTEGER
#define CARRIED "u32|s32|u64|s64"
#define ROUND "rn|rz|rm|rp"
#define ROUNDINT "rni|rzi|rmi|rpi"
#define SCOPES "cta|cluster|gpu|sys"
#define SHARED "shared|shared::cta"
#define SPACES "global|shared|shared::cta|shared::cluster"
#define DATA "b8|b16|b32|b64|b128|" ANYINT "|f32|f64"
#define HINT " L2::cache_hint? "
#define EVICT " L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate? " \
              "L2::evict_normal|L2::evict_first|L2::evict_last? L2::cache_hint? "
#define AHEAD " L2::64B|L2::128B|L2::256B? "
#define COMBINE " and|or|xor? "
#define SAME "eq|ne" COMBINE
#define SIGNED "eq|ne|lt|le|gt|ge" COMBINE
#define UNSIGNED "eq|ne|lt|le|gt|ge|lo|ls|hi|hs" COMBINE
#define REAL "eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan" COMBINE
#define RESULTS " u32|s32|f32|f16|bf16 "
#define DIMENSION "1d|2d|3d|4d|5d"
#define REDUCE "add|min|max|inc|dec|and|or|xor"
#define BYTES " mbarrier::complete_tx::bytes "
#define VECTOR " v2|v4|v8? "
#define ORDER " relaxed|acquire|release|acq_rel? " SCOPES "? " SPACES "? "
#define MULTIPLICAND "f16|bf16|tf32|f64|s8|u8|s4|u4|b1|e4m3|e5m2"
#define RESULT "f16|f32|f64|s32"

struct Row {
  std::string_view opcodes, slots;
};
constexpr Row rows[] = {
    {"abs neg", "s16|s32|s64"}, {"abs neg", "ftz? f32|f16|f16x2"}, {"abs neg", "f64|bf16|bf16x2"},
    {"add sub", INTEGER}, {"add sub", "sat s32"}, {"add sub", "cc " CARRIED}, {"add", "u16x2|s16x2"},
    {"add sub mul", ROUND "? ftz? sat? f32"}, {"add sub mul", ROUND "? f64"}, {"add sub mul", ROUND "? ftz? f32x2"},
    {"add sub mul", "rn? ftz? sat? f16|f16x2"}, {"add sub mul", "rn? bf16|bf16x2"},
    {"add sub", ROUND "? sat? f32 f16|bf16"}, {"fma", ROUND " sat? f32 f16|bf16"}, {"addc subc", "cc? " CARRIED},
    {"fma mad", ROUND " ftz? sat? f32"}, {"fma mad", ROUND " f64"}, {"fma", ROUND " ftz? f32x2"},
    {"fma", "rn ftz? sat? f16|f16x2"}, {"fma", "rn ftz? relu f16|f16x2"}, {"fma", "rn relu? bf16|bf16x2"},
    {"fma", "rn oob relu? f16|f16x2|bf16|bf16x2"},
    {"mul mad", "lo|hi " INTEGER}, {"mul mad", "wide u16|s16|u32|s32"}, {"mad", "hi sat s32"},
    {"mad", "lo|hi cc " CARRIED}, {"madc", "lo|hi cc? " CARRIED}, {"mul24 mad24", "lo|hi u32|s32"},
    {"mad24", "hi sat s32"}, {"sad rem div", INTEGER}, {"div", "approx|full ftz? f32"},
    {"div rcp sqrt", ROUND " ftz? f32"}, {"div rcp sqrt", ROUND " f64"}, {"rcp sqrt rsqrt", "approx ftz? f32"},
    {"rcp", "approx ftz f64"}, {"rsqrt", "approx ftz? f64"},
    {"sin cos lg2 ex2 tanh", "approx ftz? f32"}, {"ex2 tanh", "approx f16|f16x2"}, {"ex2", "approx ftz bf16|bf16x2"},
    {"tanh", "approx bf16|bf16x2"}, {"min max", INTEGER "|u16x2|s16x2"}, {"min max", "relu s32|s16x2"},
    {"min max", "ftz? NaN? f32|f16|f16x2"}, {"min max", "ftz? NaN? abs f32"},
    {"min max", "ftz? NaN? xorsign abs f32|f16|f16x2"}, {"min max", "NaN? bf16|bf16x2"},
    {"min max", "NaN? xorsign abs bf16|bf16x2"}, {"min max", "f64"},
    {"and or xor not", "pred|b16|b32|b64"}, {"cnot shl", "b16|b32|b64"}, {"shr", "b16|b32|b64|" INTEGER},
    {"bfe", CARRIED}, {"bfind", "shiftamt? " CARRIED}, {"bfi brev clz popc", "b32|b64"}, {"bmsk", "clamp|wrap b32"},
    {"szext", "clamp|wrap u32|s32"}, {"fns", "b32"}, {"lop3", "and|or? b32"}, {"shf", "l|r clamp|wrap b32"},
    {"prmt", "b32 f4e|b4e|rc8|ecl|ecr|rc16?"}, {"dp4a", "u32|s32 u32|s32"},
    {"vabsdiff2 vabsdiff4", "u32|s32 u32|s32 u32|s32 add?"}, {"dp2a", "lo|hi u32|s32 u32|s32"},
    {"copysign", "f32|f64"}, {"testp", "finite|infinite|number|notanumber|normal|subnormal f32|f64"},
    {"setp", SAME "b16|b32|b64"}, {"setp", SIGNED "s16|s32|s64"}, {"setp", UNSIGNED "u16|u32|u64"},
    {"setp", REAL "f64|bf16|bf16x2"}, {"setp", REAL "ftz? f32|f16|f16x2"},
    {"set", SAME RESULTS "b16|b32|b64"}, {"set", SIGNED RESULTS "s16|s32|s64"}, {"set", UNSIGNED RESULTS "u16|u32|u64"},
    {"set", REAL RESULTS "f64"}, {"set", REAL "ftz?" RESULTS "f32"},
    {"set", REAL "ftz? f16|u16|s16|u32|s32 f16"}, {"set", REAL "bf16|u16|s16|u32|s32 bf16"},
    {"set", REAL "ftz? f16x2|u32|s32 f16x2"}, {"set", REAL "bf16x2|u32|s32 bf16x2"},
    {"selp", "b16|b32|b64|f32|f64|" INTEGER}, {"slct", "b16|b32|b64|f32|f64|" INTEGER " s32"},
    {"slct", "ftz? b16|b32|b64|f32|f64|" INTEGER " f32"},

    {"mov", "pred|b16|b32|b64|b128|f32|f64|" INTEGER},
    {"cvta", "to? const|local|param|param::entry|" SPACES " u64"}, {"isspacep", "const|local|param|param::entry|" SPACES},
    {"cvt", "sat? " ANYINT " " ANYINT}, {"cvt", ROUND " ftz? sat? f32 " ANYINT}, {"cvt", ROUND " sat? f16|f64 " ANYINT}, {"cvt", ROUND " bf16 " INTEGER},
    {"cvt", ROUNDINT " ftz? sat? " ANYINT " f32"}, {"cvt", ROUNDINT " sat? " ANYINT " f16|f64"},
    {"cvt", ROUNDINT " " INTEGER " bf16"},
    {"cvt", ROUNDINT "? ftz? sat? f32 f32"}, {"cvt", ROUNDINT "? sat? f64 f64"}, {"cvt", ROUNDINT "? sat? f16 f16"},
    {"cvt", ROUNDINT "? bf16 bf16"}, {"cvt", "ftz? sat? f32 f16"}, {"cvt", "sat? f64 f16"}, {"cvt", "ftz? sat? f64 f32"},
    {"cvt", "ftz? f32 bf16"}, {"cvt", "f64 bf16"}, {"cvt", ROUND " ftz? sat? f32 f64"}, {"cvt", ROUND " sat? f16 f64"}, {"cvt", ROUND " bf16 f64|f16"},
    {"cvt", ROUND " f16 bf16"}, {"cvt", ROUND " ftz? sat? f16 f32"}, {"cvt", ROUND " ftz? bf16 f32"},
    {"cvt", "rn|rz relu? satfinite? f16|bf16|f16x2|bf16x2|tf32 f32"}, {"cvt", "rna satfinite? tf32 f32"},
    {"cvt", "rn satfinite relu? e4m3x2|e5m2x2 f32|f16x2"}, {"cvt", "rn relu? f16x2 e4m3x2|e5m2x2"},
    {"cvt", "pack sat u16|s16 s32"}, {"cvt", "pack sat u8|s8|u4|s4|u2|s2 s32 b32"},

    {"ld", "weak? const|param|param::entry|param::func ca|cg|cs|lu|cv? unified?" VECTOR DATA},
    {"ld", "weak? local|shared|shared::cta|shared::cluster ca|cg|cs|lu|cv?" HINT VECTOR DATA},
    {"ld", "weak? global? ca|cg|cs|lu|cv?" EVICT AHEAD "unified?" VECTOR DATA},
    {"ld", "weak? global ca|cg|cs? nc" EVICT AHEAD "unified?" VECTOR DATA},
    {"ld", "volatile " SPACES "?" AHEAD VECTOR DATA},
    {"ld", "relaxed|acquire " SCOPES " global?" EVICT AHEAD VECTOR DATA},
    {"ld", "relaxed|acquire " SCOPES " shared|shared::cta|shared::cluster" HINT VECTOR DATA},
    {"ld st", "mmio relaxed sys global? " DATA}, {"ldu", "global?" VECTOR DATA},
    {"st", "weak? param|param::func wb|cg|cs|wt?" VECTOR DATA},
    {"st", "weak? local|shared|shared::cta|shared::cluster wb|cg|cs|wt?" HINT VECTOR DATA},
    {"st", "weak? global? wb|cg|cs|wt?" EVICT VECTOR DATA}, {"st", "volatile " SPACES "?" VECTOR DATA},
    {"st", "relaxed|release " SCOPES " global?" EVICT VECTOR DATA},
    {"st", "relaxed|release " SCOPES " shared|shared::cta|shared::cluster" HINT VECTOR DATA},
    {"st", "async weak? shared::cluster" BYTES "v2|v4? b32|u32|s32|f32|b64|u64|s64|f64"},
    {"red", "async relaxed cluster shared::cluster" BYTES "inc|dec|min|max|add|and|or|xor u32|s32|u64|b32"},
    {"atom red", ORDER HINT "and|or|xor b32|b64"}, {"atom red", ORDER HINT "add u32|s32|u64|f32|f64"},
    {"atom red", ORDER HINT "add noftz f16|f16x2|bf16|bf16x2"}, {"atom red", ORDER HINT "inc|dec u32"},
    {"atom red", ORDER HINT "min|max u32|s32|u64|s64"}, {"atom", ORDER HINT "exch b32|b64|b128"},
    {"atom", ORDER HINT "cas b16|b32|b64|b128"}, {"atom red", ORDER HINT "add v2|v4 f32"},
    {"atom red", ORDER HINT "add|min|max noftz v2|v4|v8 f16|bf16"},
    {"atom red", ORDER HINT "add|min|max noftz v2|v4 f16x2|bf16x2"},
    {"prefetch", "global|local? L1|L2"}, {"prefetch", "global? L2::evict_last|L2::evict_normal"},
    {"prefetch", "const|param? tensormap"}, {"prefetchu", "L1"}, {"discard", "global? L2"},
    {"applypriority", "global? L2::evict_normal"}, {"createpolicy", "cvt L2 b64"},
    {"createpolicy", "fractional L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged "
                     "L2::evict_first|L2::evict_unchanged? b64"},
    {"createpolicy", "range global? L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged "
                     "L2::evict_first|L2::evict_unchanged? b64"},

    {"bra call ret", "uni?"}, {"brx", "idx uni?"}, {"exit trap brkpt", ""}, {"pmevent", "mask?"}, {"nanosleep", "u32"},
    {"bar", "warp sync"}, {"bar", "cta? sync|arrive"}, {"bar", "cta? red popc u32"}, {"bar", "cta? red and|or pred"},
    {"barrier", "cta? sync|arrive aligned?"}, {"barrier", "cta? red popc aligned? u32"},
    {"barrier", "cta? red and|or aligned? pred"}, {"barrier", "cluster arrive release|relaxed? aligned?"},
    {"barrier", "cluster wait acquire? aligned?"}, {"membar", "cta|gl|sys"}, {"membar", "proxy alias"},
    {"fence", "sc|acq_rel|acquire|release? " SCOPES}, {"fence", "mbarrier_init release cluster"},
    {"fence", "proxy alias"}, {"fence", "proxy async global|shared::cta|shared::cluster?"},
    {"fence", "proxy tensormap::generic release|acquire " SCOPES},
    {"fence", "acquire sync_restrict::shared::cluster cluster"}, {"fence", "release sync_restrict::shared::cta cluster"},
    {"fence", "proxy async::generic acquire sync_restrict::shared::cluster cluster"},
    {"fence", "proxy async::generic release sync_restrict::shared::cta cluster"},
    {"shfl", "sync up|down|bfly|idx b32"}, {"vote", "sync all|any|uni pred"}, {"vote", "sync ballot b32"},
    {"match", "any|all sync b32|b64"}, {"activemask", "b32"}, {"elect", "sync"}, {"redux", "sync add|min|max u32|s32"},
    {"redux", "sync and|or|xor b32"}, {"redux", "sync min|max abs? NaN? f32"},
    {"mapa getctarank", "shared::cluster? u32|u64"}, {"griddepcontrol", "launch_dependents|wait"},
    {"setmaxnreg", "inc|dec sync aligned u32"},

    {"cp", "async ca|cg " SHARED " global" HINT AHEAD}, {"cp", "async commit_group|wait_group|wait_all"},
    {"cp", "async mbarrier arrive noinc? " SHARED "? b64"}, {"cp", "async bulk commit_group"},
    {"cp", "async bulk wait_group read?"}, {"cp", "async bulk prefetch L2 global" HINT},
    {"cp", "async bulk shared::cta|shared::cluster global" BYTES "multicast::cluster?" HINT},
    {"cp", "async bulk shared::cluster shared::cta" BYTES}, {"cp", "async bulk global shared::cta bulk_group" HINT},
    {"cp", "reduce async bulk shared::cluster shared::cta" BYTES REDUCE " u32|s32|u64|b32"},
    {"cp", "reduce async bulk global shared::cta bulk_group" HINT REDUCE " noftz? u32|s32|u64|s64|b32|b64|f16|bf16|f32|f64"},
    {"cp", "async bulk tensor " DIMENSION " shared::cta|shared::cluster global tile|im2col?" BYTES "multicast::cluster?" HINT},
    {"cp", "async bulk tensor " DIMENSION " global shared::cta tile|im2col_no_offs? bulk_group" HINT},
    {"cp", "reduce async bulk tensor " DIMENSION " global shared::cta " REDUCE " tile|im2col_no_offs? bulk_group" HINT},
    {"cp", "async bulk prefetch tensor " DIMENSION " L2 global tile|im2col?" HINT},
    {"tensormap", "replace tile global_address|global_stride global|shared::cta? b1024 b64"},
    {"tensormap", "replace tile rank|box_dim|global_dim|element_stride|elemtype|interleave_layout|swizzle_mode|"
                  "swizzle_atomicity|fill_mode global|shared::cta? b1024 b32"},
    {"tensormap", "cp_fenceproxy global shared::cta tensormap::generic release " SCOPES " sync aligned"},
    {"mbarrier", "init|inval " SHARED "? b64"}, {"mbarrier", "pending_count b64"},
    {"mbarrier", "expect_tx|complete_tx " SHARED "|shared::cluster? b64"},
    {"mbarrier", "expect_tx|complete_tx relaxed cta|cluster " SHARED "|shared::cluster? b64"},
    {"mbarrier", "arrive|arrive_drop expect_tx? " SHARED "|shared::cluster? b64"},
    {"mbarrier", "arrive|arrive_drop expect_tx? release|relaxed cta|cluster " SHARED "|shared::cluster? b64"},
    {"mbarrier", "arrive|arrive_drop noComplete " SHARED "? b64"},
    {"mbarrier", "arrive|arrive_drop noComplete release cta " SHARED "? b64"},
    {"mbarrier", "test_wait|try_wait parity? " SHARED "? b64"},
    {"mbarrier", "test_wait|try_wait parity? acquire|relaxed cta|cluster " SHARED "? b64"},

    {"ldmatrix stmatrix", "sync aligned m8n8 x1|x2|x4 trans? " SHARED "? b16"}, {"movmatrix", "sync aligned m8n8 trans b16"},
    {"mma", "sp|sp::ordered_metadata? sync aligned * row|col row|col kind::f8f6f4? satfinite? rn? " RESULT " " MULTIPLICAND
            " " MULTIPLICAND " " RESULT},
    {"mma", "sync aligned * row|col row|col s32 b1 b1 s32 xor|and popc"},
    {"wmma", "load a|b|c sync aligned row|col * " SPACES "? " MULTIPLICAND "|f32|s32"},
    {"wmma", "store d sync aligned row|col * " SPACES "? " RESULT},
    {"wmma", "mma sync aligned row|col row|col * rn? " RESULT " " RESULT " satfinite?"},
    {"wmma", "mma sync aligned row|col row|col * rn? " RESULT " " MULTIPLICAND " " MULTIPLICAND " " RESULT " satfinite?"},
    {"wmma", "mma xor|and popc sync aligned row|col row|col * s32 b1 b1 s32"},
    {"wgmma", "fence|commit_group|wait_group sync aligned"},
    {"wgmma", "mma_async sp? sync aligned * satfinite? " RESULT " " MULTIPLICAND " " MULTIPLICAND},
    {"wgmma", "mma_async sync aligned * s32 b1 b1 and popc"}};

struct Slot {
  std::string_view text; ///< alternatives; "*" is a shape
  bool optional;
};

bool isOneOf(std::string_view list, std::string_view text) {
  for (size_t at = 0; at <= list.size();) {
    size_t end = std::min(list.find('|', at), list.size());
    if (list.substr(at, end - at) == text)
      return true;
    at = end + 1;
  }
  return false;
}

std::vector<Slot> slotsOf(std::string_view text) {
  std::vector<Slot> slots;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    std::string_view slot = text.substr(at, end - at);
    bool optional = !slot.empty() && slot.back() == '?';
    if (!slot.empty())
      slots.push_back({slot.substr(0, slot.size() - optional), optional});
    at = end + 1;
  }
  return slots;
}

bool isShape(std::string_view text) {
  return text.size() > 5 && text[0] == 'm' && text.find('n') != text.npos && text.find('k') != text.npos &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return (c >= '0' && c <= '9') || c == 'n' || c == 'k'; });
}

/// Modifiers whose order counts: types, and of what one instruction has two: layouts, spaces, priorities.
bool isOrdered(std::string_view text) {
  return typeByName("." + std::string(text)).has_value() || isOneOf(MULTIPLICAND "|row|col|" SPACES, text) ||
         text.substr(0, 9) == "L2::evict";
}

/// The modifiers from `at` on fit into slots that are free.
bool fits(const std::vector<std::string_view> &modifiers, size_t at, const std::vector<Slot> &slots,
          std::vector<bool> &taken, size_t ordered) {
  if (at == modifiers.size()) {
    for (size_t i = 0; i < slots.size(); ++i)
      if (!taken[i] && !slots[i].optional)
        return false;
    return true;
  }
  std::string_view text = modifiers[at].substr(1);
  bool inOrder = isOrdered(text);
  for (size_t i = inOrder ? ordered : 0; i < slots.size(); ++i) {
    if (taken[i] || !(slots[i].text == "*" ? isShape(text) : isOneOf(slots[i].text, text)))
      continue;
    taken[i] = true;
    if (fits(modifiers, at + 1, slots, taken, inOrder ? i + 1 : ordered))
      return true;
    taken[i] = false;
  }
  return false;
}

bool hasOpcode(std::string_view list, std::string_view opcode) {
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(' ', at), list.size());
    if (list.substr(at, end - at) == opcode)
      return true;
    at = end + 1;
  }
  return false;
}

} // namespace

bool isFormOfIsa(std::string_view opcode, const std::vector<std::string_view> &modifiers) {
  constexpr size_t mostModifiers = 24; // the search below is of that depth
  if (modifiers.size() > mostModifiers)
    return false;
  for (const Row &row : rows) {
    if (!hasOpcode(row.opcodes, opcode))
      continue;
    std::vector<Slot> slots = slotsOf(row.slots);
    std::vector<bool> taken(slots.size(), false);
    if (fits(modifiers, 0, slots, taken, 0))
      return true;
  }
  return false;
}

} // namespace cameo::ptx

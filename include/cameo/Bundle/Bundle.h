// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle is everything that running a model needs: kernels as PTX, the launch program, memory
// intervals, weights. BundleDesc is its plain in-memory form: the compiler fills one and calls
// `writeBundle`; `openBundle` maps a file, checks every count, offset and index, and gives the same
// struct back with the weights pointing into the mapping.
//
// Sizes are expressions over named symbols. All of them live in one table (`BundleDesc::exprs`) and
// are referred to by ExprId: `desc.expr(size)` adds one (declare the symbols first). In the file they
// are postfix code over symbol indices.
//
// Steps form a tree stored flat, in pre-order: the bodies of an `if` or a `loop` directly follow it.
// Live intervals are inclusive ranges of indices into that flat list.
//
// Code is made for targets, and what is best differs between them: tiles, stages, precision. So each
// module, the code of one target, has variants of its own for every launch, with their guards, blocks
// and shared memory. A device takes one module for the whole program and chooses among its variants.
//
// Refused: symbols that nothing defines, launches that do not fit their kernel's parameters, uses of
// a buffer outside of its live interval, and anything a newer major version of the format wrote.
#pragma once

#include "cameo/Bundle/Result.h"
#include "cameo/Support/DType.h"
#include "cameo/Support/SizeExpr.h"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace cameo {

inline constexpr uint16_t kBundleMajor = 2, kBundleMinor = 0;
/// The oldest major version that is read: its launches had one list of variants, for their only module.
inline constexpr uint16_t kOldestBundleMajor = 1;
inline constexpr uint32_t kNone = ~uint32_t(0);
/// Weights begin at multiples of this in the file; allocations are at least so aligned.
inline constexpr uint64_t kBundleAlignment = 256;

using ExprId = uint32_t;   ///< index into BundleDesc::exprs
using BufferId = uint32_t; ///< index into BundleDesc::buffers
using SymbolId = uint32_t; ///< index into BundleDesc::symbols

namespace bundle {

/// A named size. A dimension or element of an input is known before the first step; `step` symbols
/// are set by ReadSymbols or Loop steps.
struct Symbol {
  enum class Source : uint8_t { inputDim, inputElement, step };
  std::string name;
  Source source = Source::step;
  uint32_t input = kNone; ///< index into inputs (inputDim, inputElement)
  uint32_t index = 0;     ///< dimension, or element in C order
};

/// Postfix code. `value` is the constant, or the SymbolId.
struct ExprInstruction {
  SizeExpr::Op op;
  int64_t value = 0;
  friend bool operator==(const ExprInstruction &, const ExprInstruction &) = default;
};
using ExprCode = std::vector<ExprInstruction>;

/// One input or output of the model. Dimensions are expressions; for inputs they are checked against
/// what is passed (the symbols of source inputDim take their values from there).
struct Port {
  std::string name;
  DType dtype = DType::undefined;
  std::vector<ExprId> dims;
};

/// `expr` has to be nonzero. Evaluated as soon as all its symbols are known, before any launch where
/// that is possible.
struct Check {
  ExprId expr = 0;
  std::string message;
  std::vector<std::string> nodes = {};
};

/// Memory that steps refer to. Contents of a temporary are undefined before `firstStep` and after
/// `lastStep`; two temporaries share memory where their intervals are disjoint.
struct Buffer {
  enum class Kind : uint8_t { input, output, weight, temporary, alias };
  Kind kind = Kind::temporary;
  uint32_t index = 0;       ///< input, output: port; weight: index into weights; alias: base BufferId
  ExprId bytes = 0;         ///< exact size; inputs: at most the port's, outputs: at least
  ExprId offset = kNone;    ///< alias: byte offset into the base (kNone: 0)
  uint32_t alignment = 256; ///< power of two; temporaries (others: a variant asks for what it needs)
  uint32_t firstStep = 0, lastStep = 0; ///< temporaries: inclusive
  std::string name = {};    ///< for people: the ONNX value, or ""
};

/// Constant data. Exactly one source: memory, a region of a file, a reader that streams it (packed
/// weights), or a reference that stays outside (then `path` is relative to the bundle's folder).
/// Opened bundles have `data` set for all of them.
struct Weight {
  enum class Source : uint8_t { memory, file, reader, reference };
  Source source = Source::memory;
  std::string name;
  uint64_t bytes = 0;
  const void *data = nullptr; ///< memory: has to live until writeBundle returns
  std::string path = {};      ///< file, reference
  uint64_t fileOffset = 0;    ///< file, reference
  /// reader: fills `count` bytes that begin at `offset`; called with ascending offsets. False: failed.
  std::function<bool(uint64_t offset, void *to, uint64_t count)> read = {};
  uint64_t hash = 0; ///< XXH64; computed by writeBundle
};

/// One form of a module. PTX text runs on its target and everything newer ("sm_90a": exactly there);
/// a cubin runs on its architecture.
struct Image {
  enum class Kind : uint8_t { ptx, cubin };
  Kind kind = Kind::ptx;
  std::string target; ///< "sm_80"
  std::string bytes;  ///< PTX text without NUL, or the cubin
};

/// The code of one schedule: images that define the same entries. A device takes the module that has
/// the best image for it; the simulator the PTX that is asked for, else that with the lowest target.
struct Module {
  std::vector<Image> images;
};

struct Kernel {
  std::string symbol; ///< the .entry name
  uint32_t module = 0;
  std::array<uint32_t, 3> threads = {1, 1, 1};
  uint32_t staticShared = 0; ///< bytes
  std::string family = {};   ///< "pointwise", "gemm", …
  std::vector<std::string> nodes = {};   ///< ONNX node names
  std::vector<std::string> opcodes = {}; ///< PTX opcodes it needs, for reports
  std::string predicted = {};            ///< JSON, or ""
};

/// An argument of a launch, in the order of the entry's parameters.
struct Argument {
  enum class Kind : uint8_t {
    buffer,    ///< u64 address of `buffer` + `expr` bytes (expr kNone: 0)
    size,      ///< `expr`, 32 or 64 bits wide as the variant's `indexBits` says
    i32,       ///< `expr`, has to fit
    i64,       ///< `expr`
    immediate, ///< the low `width` bytes of `bits`
  };
  Kind kind = Kind::buffer;
  BufferId buffer = 0;
  ExprId expr = kNone;
  uint8_t width = 4; ///< immediate: 1, 2, 4 or 8 bytes
  uint64_t bits = 0; ///< immediate
};

/// The first variant of the device's module whose guard is nonzero and whose alignments hold is
/// launched. A grid with a zero launches nothing.
struct Variant {
  ExprId guard = 0;
  std::vector<uint32_t> alignment = {}; ///< bytes, per *buffer* argument in order; empty: none asked
  uint32_t kernel = 0;
  std::array<ExprId, 3> grid = {};
  ExprId dynamicShared = kNone; ///< bytes
  uint8_t indexBits = 32;       ///< width of `size` arguments: 32 or 64
};

struct Launch {
  std::vector<std::vector<Variant>> variants; ///< by module, best first
  std::vector<Argument> arguments;
};

/// A range of bytes of a buffer; `bytes` kNone: all that follow `offset`.
struct Region {
  BufferId buffer = 0;
  ExprId offset = kNone;
  ExprId bytes = kNone;
};

/// The two regions have equal sizes and do not overlap.
struct Copy {
  Region to, from;
};

/// Repeats the low `width` bytes (1, 2, 4 or 8) of `pattern`.
struct Fill {
  Region to;
  uint8_t width = 1;
  uint64_t pattern = 0;
};

/// Reads consecutive integers or booleans of a buffer on the host, into symbols.
struct ReadSymbols {
  BufferId buffer = 0;
  DType dtype = DType::i64;
  uint64_t firstElement = 0;
  std::vector<SymbolId> symbols;
};

/// Writes integer expressions as consecutive elements (the result of shape arithmetic as data).
struct WriteSizes {
  BufferId buffer = 0;
  DType dtype = DType::i64;
  std::vector<ExprId> values;
};

/// A tensor as a host operation sees it.
struct HostTensor {
  BufferId buffer = 0;
  DType dtype = DType::undefined;
  std::vector<ExprId> dims;
};

/// An operation of lib/HostOps on the CPU. Bundles that name one the runtime does not know are refused.
struct HostOp {
  std::string name;
  std::string attributes = {}; ///< JSON
  std::vector<HostTensor> inputs, outputs;
  std::vector<std::string> nodes = {};
};

/// The next `thenSteps` steps run if `condition` is nonzero, else the `elseSteps` after them.
struct If {
  ExprId condition = 0;
  uint32_t thenSteps = 0, elseSteps = 0;
};

/// The next `bodySteps` steps run `tripCount` times (kNone: no limit), as long as `condition`,
/// evaluated before each round, is nonzero (kNone: always). `induction` counts from 0.
struct Loop {
  ExprId tripCount = kNone;
  ExprId condition = kNone;
  SymbolId induction = kNone;
  uint32_t bodySteps = 0;
};

using Step = std::variant<Launch, Copy, Fill, ReadSymbols, WriteSizes, HostOp, If, Loop>;

} // namespace bundle

struct BundleDesc {
  std::string model;    ///< name of the model
  std::string producer; ///< "cameo 0.1.0"
  std::vector<bundle::Symbol> symbols;
  std::vector<bundle::ExprCode> exprs;
  std::vector<bundle::Port> inputs, outputs;
  std::vector<bundle::Check> checks;
  std::vector<bundle::Buffer> buffers;
  std::vector<bundle::Weight> weights;
  std::vector<bundle::Module> modules;
  std::vector<bundle::Kernel> kernels;
  std::vector<bundle::Step> steps;
  std::string report; ///< JSON for `inspect`: fusion reasons, precision asked and realized, …

  /// The id of `size` in `exprs`, added if new. Symbols have to be declared before; one that is not
  /// makes writeBundle fail with its name.
  ExprId expr(const SizeExpr &size);
  /// Declares a symbol; the one of that name if it exists.
  SymbolId symbol(std::string_view name, bundle::Symbol::Source source, uint32_t input = kNone,
                  uint32_t index = 0);
  /// The text of an expression, for messages and `inspect`.
  std::string exprText(ExprId id) const;

  std::vector<std::string> undeclared; ///< symbols that `expr` met before their declaration

private:
  std::unordered_map<std::string, ExprId> exprIds;
  std::unordered_map<std::string, SymbolId> symbolIds;
};

namespace bundle {
/// The value of postfix code under `symbols` (by SymbolId; nothing: not known yet); nothing on an
/// unknown symbol, overflow, or division by zero. The branch a select does not take may fail.
std::optional<int64_t> evaluate(const ExprCode &code,
                                const std::vector<std::optional<int64_t>> &symbols);
} // namespace bundle

/// "sm_90a" → {90, 'a'}; nothing for what is no target.
struct SmTarget {
  unsigned number = 0;
  char suffix = 0; ///< 'a', 'f', or 0
};
std::optional<SmTarget> parseSmTarget(std::string_view text);

/// Everything that openBundle demands of the contents, whatever the file; also run by writeBundle.
Status validate(const BundleDesc &desc);

/// Writes to a new temporary file beside `path` and renames it: `path` is either complete or as it
/// was. The bytes depend on `desc` alone. Weights are streamed; once `stop`, which is asked every few
/// megabytes, returns true, writing ends with ErrorCode::interrupted and nothing is left behind.
Status writeBundle(const BundleDesc &desc, const std::string &path,
                   const std::function<bool()> &stop = {});

/// An open bundle: immutable, shared by any number of threads.
class Bundle {
public:
  ~Bundle();
  const BundleDesc &desc() const { return contents; }
  const std::string &path() const { return file; }
  uint16_t major() const { return formatMajor; }
  uint16_t minor() const { return formatMinor; }
  /// XXH64 of the whole header, which covers all sections: identifies the contents.
  uint64_t identity() const { return id; }
  uint64_t fileBytes() const;

private:
  friend struct BundleReader;
  Bundle();
  struct Mappings;
  std::unique_ptr<Mappings> mappings;
  BundleDesc contents;
  std::string file;
  uint16_t formatMajor = 0, formatMinor = 0;
  uint64_t id = 0;
};

struct OpenOptions {
  /// Hash all weights, embedded and referenced. Off: only sizes and the rest of the file are checked.
  bool verifyWeights = true;
  /// Folder that references are relative to; empty: the bundle's.
  std::string referenceFolder = {};
};

Result<std::shared_ptr<const Bundle>> openBundle(const std::string &path, const OpenOptions &options = {});

} // namespace cameo

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes of the kernel dialect: text form of layouts, and what a schedule must satisfy by itself
// (verify) and on a target (verifyOnTarget). Refused: tiles that are no powers of two, blocks that no
// warp grid fills, more registers than a thread has.
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

#include "cameo/Dialect/Kernel/IR/KernelEnums.cpp.inc"
#include "cameo/Dialect/Kernel/IR/KernelInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelAttributes.cpp.inc"

void KernelDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "cameo/Dialect/Kernel/IR/KernelAttributes.cpp.inc"
      >();
}

//===- Layout -------------------------------------------------------------------------------===//

/// `[[0, 1], [2, 0]]`: appends all entries to `flat`, every vector of `rank` entries (0: not known yet).
static ParseResult parseBases(AsmParser &parser, unsigned &rank, SmallVectorImpl<int32_t> &flat) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    unsigned count = 0;
    auto entry = [&]() -> ParseResult {
      ++count;
      return parser.parseInteger(flat.emplace_back());
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, entry))
      return failure();
    if (rank == 0)
      rank = count;
    if (count == rank && count > 0)
      return success();
    return parser.emitError(loc, "basis vectors of one layout must have the same length, at least 1");
  });
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  unsigned rank = 0;
  SmallVector<int32_t> registers, lanes, warps;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("register") || parser.parseEqual() ||
      parseBases(parser, rank, registers) || parser.parseComma() || parser.parseKeyword("lane") ||
      parser.parseEqual() || parseBases(parser, rank, lanes) || parser.parseComma() ||
      parser.parseKeyword("warp") || parser.parseEqual() || parseBases(parser, rank, warps) ||
      parser.parseGreater())
    return {};
  if (rank == 0) {
    parser.emitError(loc, "a layout needs at least one basis vector");
    return {};
  }
  return parser.getChecked<LayoutAttr>(loc, parser.getContext(), rank, registers, lanes, warps);
}

static void printBases(AsmPrinter &printer, StringRef name, unsigned rank, ArrayRef<int32_t> flat) {
  printer << name << " = [";
  for (unsigned i = 0; i < flat.size(); i += rank) {
    printer << (i ? ", [" : "[");
    llvm::interleaveComma(flat.slice(i, rank), printer);
    printer << "]";
  }
  printer << "]";
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBases(printer, "register", getRank(), getRegisters());
  printBases(printer, ", lane", getRank(), getLanes());
  printBases(printer, ", warp", getRank(), getWarps());
  printer << ">";
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned rank,
                                 ArrayRef<int32_t> registers, ArrayRef<int32_t> lanes,
                                 ArrayRef<int32_t> warps) {
  if (rank == 0)
    return emitError() << "a layout needs at least one dimension";
  for (ArrayRef<int32_t> bases : {registers, lanes, warps})
    if (bases.size() % rank != 0 || llvm::any_of(bases, [](int32_t b) { return b < 0; }))
      return emitError() << "basis vectors need " << rank << " entries, none negative";
  if (lanes.size() / rank > 5)
    return emitError() << "a warp has 32 lanes: at most 5 lane bits";
  return success();
}

//===- Schedules ----------------------------------------------------------------------------===//

static bool isPowerOfTwo(int32_t value) { return value > 0 && llvm::isPowerOf2_32(value); }

static LogicalResult checkThreads(const Target &target, int32_t threads,
                                  function_ref<InFlightDiagnostic()> emitError) {
  if (isPowerOfTwo(threads) && threads >= 32 && threads <= target.maxThreads)
    return success();
  return emitError() << "a SIMT schedule needs a power of two of threads, 32 to " << target.maxThreads
                     << " on " << StringRef(target.name) << ", not " << threads;
}

/// A thread's share of a tile must leave registers for everything else; more than a quarter of what a
/// thread may use spills as soon as a few tiles live at once.
static LogicalResult checkShare(const Target &target, int64_t elements, int32_t threads,
                                function_ref<InFlightDiagnostic()> emitError) {
  int64_t share = elements / threads, limit = (target.maxRegisters + 1) / 4;
  if (share >= 1 && share * threads == elements && share <= limit)
    return success();
  return emitError() << "a tile of " << elements << " elements over " << threads << " threads: each must hold 1 to "
                     << limit << " whole elements on " << StringRef(target.name);
}

StringRef PointwiseAttr::getFamily() const { return "pointwise"; }
LogicalResult PointwiseAttr::verify(function_ref<InFlightDiagnostic()> emitError, int32_t tile,
                                    int32_t vector) {
  if (isPowerOfTwo(tile) && isPowerOfTwo(vector) && vector <= tile)
    return success();
  return emitError() << "tile and vector must be powers of two, vector at most tile";
}
LogicalResult PointwiseAttr::verifyOnTarget(const Target &target, int32_t threads,
                                            function_ref<InFlightDiagnostic()> emitError) const {
  if (failed(checkThreads(target, threads, emitError)) ||
      failed(checkShare(target, getTile(), threads, emitError)))
    return failure();
  if (getTile() / threads % getVector() != 0)
    return emitError() << "a thread's " << getTile() / threads << " elements are no multiple of vector = "
                       << getVector();
  return success();
}

StringRef ReduceAttr::getFamily() const { return "reduce"; }
LogicalResult ReduceAttr::verify(function_ref<InFlightDiagnostic()> emitError, int32_t rows,
                                 int32_t columns, int32_t lanes, int32_t vector, bool whole) {
  if (!isPowerOfTwo(rows) || !isPowerOfTwo(columns) || !isPowerOfTwo(lanes) || !isPowerOfTwo(vector))
    return emitError() << "rows, columns, lanes and vector must be powers of two";
  if (lanes * vector > columns)
    return emitError() << "lanes x vector = " << lanes * vector << " exceeds columns = " << columns;
  return success();
}
LogicalResult ReduceAttr::verifyOnTarget(const Target &target, int32_t threads,
                                         function_ref<InFlightDiagnostic()> emitError) const {
  if (failed(checkThreads(target, threads, emitError)) ||
      failed(checkShare(target, int64_t(getRows()) * getColumns(), threads, emitError)))
    return failure();
  if (getLanes() > threads || getRows() % (threads / getLanes()) != 0)
    return emitError() << threads << " threads in groups of " << getLanes() << " do not share " << getRows()
                       << " rows evenly";
  return success();
}

StringRef SerialAttr::getFamily() const { return "serial"; }
LogicalResult SerialAttr::verify(function_ref<InFlightDiagnostic()> emitError, int32_t rows) {
  if (isPowerOfTwo(rows))
    return success();
  return emitError() << "rows must be a power of two";
}
LogicalResult SerialAttr::verifyOnTarget(const Target &target, int32_t threads,
                                         function_ref<InFlightDiagnostic()> emitError) const {
  if (failed(checkThreads(target, threads, emitError)))
    return failure();
  if (getRows() != threads)
    return emitError() << "a sequential kernel has one thread a row: " << getRows() << " rows, " << threads
                       << " threads";
  return success();
}

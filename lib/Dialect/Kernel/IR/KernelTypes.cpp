// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The staged level's types: their text forms, their verifiers, and the one rule that places the bytes
// of a shared-memory tile. Refused: rows that do not fill a swizzle's span, rings of depth 1 or
// without parts, accumulators that their engine's fragments do not tile evenly.
#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Dialect/Kernel/Layout/MmaTable.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cameo::kernel;

#define GET_TYPEDEF_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelTypes.cpp.inc"

namespace cameo::kernel {

//===----------------------------------------------------------------------===//
// Keywords
//===----------------------------------------------------------------------===//

namespace {
constexpr llvm::StringLiteral placementWords[] = {"none", "pad16", "sw32", "sw64", "sw128", "pad32"};
constexpr llvm::StringLiteral syncWords[] = {"tx", "groups"};
constexpr llvm::StringLiteral slotWords[] = {"write", "read"};
constexpr llvm::StringLiteral engineWords[] = {"fma", "mma", "wgmma"};
constexpr llvm::StringLiteral accWords[] = {"empty", "inflight", "ready"};
constexpr llvm::StringLiteral pairingWords[] = {"not_paired", "paired_rows", "paired_cols", "paired"};

ArrayRef<llvm::StringLiteral> wordsOf(Placement) { return placementWords; }
ArrayRef<llvm::StringLiteral> wordsOf(RingSync) { return syncWords; }
ArrayRef<llvm::StringLiteral> wordsOf(SlotState) { return slotWords; }
ArrayRef<llvm::StringLiteral> wordsOf(Engine) { return engineWords; }
ArrayRef<llvm::StringLiteral> wordsOf(AccState) { return accWords; }
ArrayRef<llvm::StringLiteral> wordsOf(Pairing) { return pairingWords; }

template <typename Enum> std::optional<Enum> enumOf(StringRef word) {
  ArrayRef<llvm::StringLiteral> words = wordsOf(Enum());
  for (auto [i, known] : llvm::enumerate(words))
    if (known == word)
      return Enum(i);
  return std::nullopt;
}

template <typename Enum> ParseResult parseWord(AsmParser &parser, Enum &value) {
  StringRef word;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  if (std::optional<Enum> known = enumOf<Enum>(word)) {
    value = *known;
    return success();
  }
  return parser.emitError(loc) << "expected one of: " << llvm::join(wordsOf(Enum()), ", ");
}

/// A type of this dialect, in full or as the alias that the printer gives it.
template <typename T> ParseResult parseStaged(AsmParser &parser, T &type) {
  return parser.parseType(type);
}
} // namespace

StringRef keyword(Placement v) { return wordsOf(v)[unsigned(v)]; }
StringRef keyword(RingSync v) { return wordsOf(v)[unsigned(v)]; }
StringRef keyword(SlotState v) { return wordsOf(v)[unsigned(v)]; }
StringRef keyword(Engine v) { return wordsOf(v)[unsigned(v)]; }
StringRef keyword(AccState v) { return wordsOf(v)[unsigned(v)]; }
StringRef keyword(Pairing v) { return wordsOf(v)[unsigned(v)]; }

//===----------------------------------------------------------------------===//
// Shared-memory tiles
//===----------------------------------------------------------------------===//

unsigned SmemType::getSwizzleBits() const {
  switch (getPlacement()) {
  case Placement::Sw32:
    return 1;
  case Placement::Sw64:
    return 2;
  case Placement::Sw128:
    return 3;
  default:
    return 0;
  }
}

int64_t SmemType::getElementBytes() const { return getElementType().getIntOrFloatBitWidth() / 8; }

int64_t SmemType::getPanels() const {
  return getPlacement() == Placement::Sw128 ? getCols() * getElementBytes() / 128 : 1;
}

int64_t SmemType::getPitch() const {
  int64_t padding = getPlacement() == Placement::Pad16 ? 16 : getPlacement() == Placement::Pad32 ? 32 : 0;
  return getCols() * getElementBytes() / getPanels() + padding;
}

LogicalResult SmemType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t rows,
                               int64_t cols, Type elementType, Placement placement) {
  if (rows < 1 || cols < 1)
    return emitError() << "a shared-memory tile needs at least one row and one column";
  if (!elementType.isIntOrFloat() || elementType.getIntOrFloatBitWidth() % 8 != 0)
    return emitError() << "a shared-memory tile holds whole bytes, not " << elementType;
  int64_t rowBytes = cols * (elementType.getIntOrFloatBitWidth() / 8);
  int64_t span = placement == Placement::Sw32    ? 32
                 : placement == Placement::Sw64  ? 64
                 : placement == Placement::Sw128 ? 128
                                                 : 0;
  bool panels = placement == Placement::Sw128 && rowBytes > span && rowBytes % span == 0;
  if (span && rowBytes != span && !panels)
    return emitError() << "a row has " << rowBytes << " bytes, but the swizzle " << keyword(placement)
                       << " spans exactly " << span;
  if (panels && rows % 8 != 0)
    return emitError() << "panels of sw128 have a multiple of 8 rows, not " << rows;
  if (rowBytes % 16 != 0)
    return emitError() << "a row has " << rowBytes << " bytes, not a multiple of 16";
  return success();
}

Type SmemType::parse(AsmParser &parser) {
  SmallVector<int64_t, 2> shape;
  Type element;
  Placement placement;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseComma() || parseWord(parser, placement) ||
      parser.parseGreater())
    return {};
  if (shape.size() != 2)
    return parser.emitError(loc, "expected two dimensions"), Type();
  return parser.getChecked<SmemType>(loc, parser.getContext(), shape[0], shape[1], element, placement);
}

void SmemType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << "x" << getElementType() << ", "
          << keyword(getPlacement()) << ">";
}

//===----------------------------------------------------------------------===//
// Rings and slots
//===----------------------------------------------------------------------===//

int64_t RingType::getAlignment() const {
  bool swizzled = llvm::any_of(getParts(), [](SmemType part) { return part.getSwizzleBits() > 0; });
  return swizzled || getSync() == RingSync::Tx ? 1024 : 128;
}

int64_t RingType::getPartOffset(unsigned index) const {
  int64_t offset = 0;
  for (SmemType part : getParts().take_front(index))
    offset += llvm::alignTo(part.getBytes(), getAlignment());
  return offset;
}

int64_t RingType::getTransactionBytes() const {
  int64_t bytes = 0;
  for (SmemType part : getParts())
    bytes += part.getRows() * part.getCols() * part.getElementBytes();
  return bytes;
}

LogicalResult RingType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t depth, RingSync,
                               ArrayRef<SmemType> parts) {
  if (depth < 2)
    return emitError() << "a ring of depth " << depth << " cannot overlap anything: at least 2";
  if (parts.empty())
    return emitError() << "a ring needs at least one part";
  return success();
}

Type RingType::parse(AsmParser &parser) {
  int64_t depth;
  RingSync sync;
  SmallVector<SmemType> parts;
  llvm::SMLoc loc = parser.getCurrentLocation();
  auto parsePart = [&]() { return parseStaged(parser, parts.emplace_back()); };
  if (parser.parseLess() || parser.parseInteger(depth) || parseWord(parser, sync) ||
      parser.parseColon() || parser.parseCommaSeparatedList(parsePart) || parser.parseGreater())
    return {};
  return parser.getChecked<RingType>(loc, parser.getContext(), depth, sync, parts);
}

void RingType::print(AsmPrinter &printer) const {
  printer << "<" << getDepth() << " " << keyword(getSync()) << " : ";
  llvm::interleaveComma(getParts(), printer, [&](SmemType part) { printer.printType(part); });
  printer << ">";
}

LogicalResult SlotType::verify(function_ref<InFlightDiagnostic()>, SlotState, RingType) {
  return success();
}

Type SlotType::parse(AsmParser &parser) {
  SlotState state;
  RingType ring;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseWord(parser, state) || parser.parseComma() ||
      parseStaged(parser, ring) || parser.parseGreater())
    return {};
  return parser.getChecked<SlotType>(loc, parser.getContext(), state, ring);
}

void SlotType::print(AsmPrinter &printer) const {
  printer << "<" << keyword(getState()) << ", ";
  printer.printType(getRing());
  printer << ">";
}

LogicalResult CursorType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t depth, int64_t step) {
  if (depth < 2)
    return emitError() << "a cursor counts through at least 2 slots";
  if (step < 1)
    return emitError() << "a cursor grows from slot to slot, not by " << step;
  return success();
}

Type CursorType::parse(AsmParser &parser) {
  int64_t depth, step = 1;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseInteger(depth))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseInteger(step))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<CursorType>(loc, parser.getContext(), depth, step);
}

void CursorType::print(AsmPrinter &printer) const {
  printer << "<" << getDepth();
  if (getStep() != 1)
    printer << ", " << getStep();
  printer << ">";
}

LogicalResult TmapType::verify(function_ref<InFlightDiagnostic()> emitError, SmemType box) {
  if (box.getPlacement() == Placement::Pad16 || box.getPlacement() == Placement::Pad32)
    return emitError() << "a bulk copy cannot leave gaps between rows: " << keyword(box.getPlacement());
  if (box.getPanels() > 1)
    return emitError() << "a bulk copy fills one panel of 128 bytes, not " << box.getPanels();
  if (box.getRows() > 256)
    return emitError() << "a tensor map's box has at most 256 rows";
  return success();
}

Type TmapType::parse(AsmParser &parser) {
  SmemType box;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseStaged(parser, box) || parser.parseGreater())
    return {};
  return parser.getChecked<TmapType>(loc, parser.getContext(), box);
}

void TmapType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printType(getBox());
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Accumulators
//===----------------------------------------------------------------------===//

AccType AccType::withState(AccState state) const {
  return AccType::get(getContext(), getRows(), getCols(), getElementType(), getEngine(), getWarpRows(),
                      getWarpCols(), getPairing(), state);
}

/// One engine's fragment: what one warp's rectangle must be a multiple of.
static LogicalResult verifyFragment(function_ref<InFlightDiagnostic()> emitError, int64_t warpTileRows,
                                    int64_t warpTileCols, Type elementType, Engine engine) {
  if (engine != Engine::Fma) {
    if (engine == Engine::Mma ? !sumsInMma(elementType) : !elementType.isF32())
      return emitError() << keyword(engine) << " does not accumulate in " << elementType;
    // ldmatrix fetches two n-tiles of mma.sync at a time.
    int64_t cols = engine == Engine::Mma ? 16 : 8;
    if (warpTileRows % 16 || warpTileCols % cols)
      return emitError() << "a warp's " << warpTileRows << "x" << warpTileCols
                         << " is not tiled by the fragment 16x" << cols << " of " << keyword(engine);
    return success();
  }
  int64_t vector = 128 / elementType.getIntOrFloatBitWidth();
  int64_t laneRows = std::min<int64_t>(8, warpTileRows / vector);
  if (laneRows < 1 || warpTileCols / vector < 32 / laneRows)
    return emitError() << "a warp's " << warpTileRows << "x" << warpTileCols << " does not give each lane "
                       << vector << "x" << vector << " blocks of " << elementType;
  return success();
}

LogicalResult AccType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t cols,
                              Type elementType, Engine engine, int64_t warpRows, int64_t warpCols,
                              Pairing pairing, AccState) {
  for (int64_t size : {rows, cols, warpRows, warpCols})
    if (size < 1 || !llvm::isPowerOf2_64(size))
      return emitError() << "shape and warp grid of an accumulator are powers of two, not " << size;
  if (!elementType.isIntOrFloat() || elementType.getIntOrFloatBitWidth() < 32)
    return emitError() << "an accumulator holds 32- or 64-bit elements, not " << elementType;
  if (rows % warpRows || cols % warpCols)
    return emitError() << "the warp grid " << warpRows << "x" << warpCols << " does not divide " << rows
                       << "x" << cols;
  if (engine == Engine::Wgmma &&
      (warpCols != 1 || warpRows % 4 || rows / warpRows != 16 || cols / warpCols > 256))
    return emitError() << "wgmma spreads 16 rows and all columns (at most 256) over each warp of whole "
                          "warpgroups";
  if (engine != Engine::Mma && pairing != Pairing::None)
    return emitError() << keyword(pairing) << " is said of mma, not of " << keyword(engine);
  return verifyFragment(emitError, rows / warpRows, cols / warpCols, elementType, engine);
}

Type AccType::parse(AsmParser &parser) {
  SmallVector<int64_t, 2> shape;
  Type element;
  Engine engine;
  AccState state;
  Pairing pairing = Pairing::None;
  int64_t warpRows, warpCols;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseComma() || parseWord(parser, engine) ||
      parser.parseLSquare() || parser.parseInteger(warpRows) || parser.parseComma() ||
      parser.parseInteger(warpCols) || parser.parseRSquare() || parser.parseComma())
    return {};
  for (Pairing known : {Pairing::Rows, Pairing::Cols, Pairing::Both})
    if (succeeded(parser.parseOptionalKeyword(keyword(known)))) {
      pairing = known;
      if (parser.parseComma())
        return {};
      break;
    }
  if (parseWord(parser, state) || parser.parseGreater())
    return {};
  if (shape.size() != 2)
    return parser.emitError(loc, "expected two dimensions"), Type();
  return parser.getChecked<AccType>(loc, parser.getContext(), shape[0], shape[1], element, engine,
                                    warpRows, warpCols, pairing, state);
}

void AccType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << "x" << getElementType() << ", "
          << keyword(getEngine()) << "[" << getWarpRows() << ", " << getWarpCols() << "], ";
  if (getPairing() != Pairing::None)
    printer << keyword(getPairing()) << ", ";
  printer << keyword(getState()) << ">";
}

void KernelDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "cameo/Dialect/Kernel/IR/KernelTypes.cpp.inc"
      >();
}

} // namespace cameo::kernel

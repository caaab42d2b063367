// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk.tensor: a box (tile mode) or a column of pixels (im2col) of a tensor that a tensor map describes, as pieces that are
// contiguous in both memories (rows; units of 16 bytes where the map swizzles). Elements outside
// of the tensor are filled in shared memory, never written in global memory, and count as bytes of the
// mbarrier all the same. From there on they are bulk copies like any other. The map itself may not
// change before the copy has read through it.
#include "Async.h"
#include "Cluster.h"
#include "Handlers.h"
#include "TensorMap.h"
#include "Wgmma.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr auto tensorMapFinding = static_cast<FindingKind>(CAMEO_PTX_F_TENSOR_MAP);
constexpr unsigned sharedAlign = 128;
// Words of Program::side: the map's address, five coordinates, shared address, mbarrier.
constexpr unsigned coordinateWord = sideAddressWords;
constexpr unsigned sharedWord = coordinateWord + mostTensorRank;
constexpr unsigned barrierWord = sharedWord + sideAddressWords;
constexpr unsigned offsetWord = barrierWord + sideAddressWords; // im2col: three offsets

/// The tensor map of one lane's copy, and where it points.
struct Request {
  TensorMap map;
  const uint8_t *host = nullptr; ///< of the 128 bytes
  uint64_t address = 0;
  std::string name;              ///< "'maps'+128"
  int64_t at[mostTensorRank] = {};
  int64_t offset[mostTensorRank] = {}; ///< im2col: of the pixels that are read from those that are named
};

[[noreturn]] void refuseMap(Exec &x, const Op &op, const Request &r, unsigned lane,
                            std::string message, std::string remedy) {
  report(x, op, tensorMapFinding, 1u << lane, r.address, tensorMapBytes, std::move(message),
         std::move(remedy), r.name);
  stopLaunch(x);
}

/// The 128 bytes at the generic address of the operand, wherever a tensor map may lie.
void findMap(Exec &x, const Op &op, Request &r, unsigned lane) {
  uint64_t window = r.address & windowMask, offset = r.address & ~windowMask;
  r.name = "address " + std::to_string(r.address);
  if (window == paramWindow) {
    r.name = "offset " + std::to_string(offset) + " of the parameters";
    if (offset + tensorMapBytes + 16 <= x.launch->arguments.size())
      r.host = x.launch->arguments.data() + offset;
  } else if (window == 0) {
    Allocation *a = x.launch->memory->find(r.address);
    if (!a)
      reportBadAccess(x, op, Space::Global, r.address, 1, lane);
    uint64_t place = r.address - a->base;
    r.name = "'" + a->name + "'" + (place ? "+" + std::to_string(place) : "");
    if (a->contains(r.address, tensorMapBytes))
      r.host = a->host + place;
  }
  if (!r.host)
    refuseMap(x, op, r, lane, "there are no 128 bytes for a tensor map at " + r.name,
              "give the generic address of a map in .param, .const or .global memory");
  if (r.address % tensorMapAlign == 0)
    return;
  report(x, op, FindingKind::Misaligned, 1u << lane, r.address, tensorMapBytes,
         "the tensor map at " + r.name + " is not at a multiple of 64",
         "align the variable or parameter of the map to 64 bytes", r.name);
  stopLaunch(x);
}

Request requestOf(Exec &x, const Op &op, unsigned lane) {
  const uint32_t *side = x.side(op);
  Request r;
  r.address = sideAddress(x, side, lane);
  findMap(x, op, r, lane);
  if (std::string text = decodeTensorMap(r.host, r.map); !text.empty())
    refuseMap(x, op, r, lane, text + " (at " + r.name + ")",
              "encode the map by the machine's tensor_map_encode, the driver's "
              "cuTensorMapEncodeTiled, and hand on all of its bytes");
  if (r.map.rank != op.count)
    refuseMap(x, op, r, lane,
              "the tensor map at " + r.name + " has rank " + std::to_string(r.map.rank) +
                  ", the instruction takes one of rank " + std::to_string(op.count),
              "use the form (.1d to .5d) of the map's rank");
  bool im2col = op.flags & FlagIm2col;
  if (r.map.im2col != im2col)
    refuseMap(x, op, r, lane,
              "the tensor map at " + r.name + " is of mode " + (r.map.im2col ? "im2col" : "tile") +
                  ", the instruction takes one of mode " + (im2col ? "im2col" : "tile"),
              "use the form (.tile or .im2col) of the map's mode");
  for (unsigned d = 0; d < op.count; ++d)
    r.at[d] = x.at<int32_t>(side[coordinateWord + d])[lane];
  if (op.flags & FlagOffsets)
    for (unsigned d = 0; d < r.map.spatial(); ++d)
      r.offset[d + 1] = x.at<uint16_t>(side[offsetWord + d])[lane];
  checkMapFenced(x, op, r.address, r.host, r.name, lane);
  return r;
}

class BoxPieces {
public:
  BoxPieces(const Request &r, uint32_t shared, std::vector<BulkPiece> &pieces)
      : m(r.map), at(r.at), offset(r.offset), shared(shared), pieces(pieces) {}

  void run() {
    if (m.im2col)
      runColumn();
    else
      runBox();
  }

private:
  /// Pixel after pixel: first along W, then H and D, in the bounding box, then the next image.
  void runColumn() {
    int64_t pixel[mostTensorRank];
    std::copy(at, at + m.rank, pixel);
    uint32_t rowBytes = m.channels * m.elementBytes();
    for (uint32_t row = 0; row < m.pixels; ++row) {
      bool inside = true;
      uint64_t from = m.address + static_cast<uint64_t>(at[0] * int64_t(m.elementBytes()));
      for (unsigned d = 1; d < m.rank; ++d) {
        int64_t c = pixel[d] + offset[d];
        inside = inside && c >= 0 && c < static_cast<int64_t>(m.size[d]);
        from += static_cast<uint64_t>(c) * m.stride[d];
      }
      addRow(shared + row * rowBytes, from, m.channels, inside);
      unsigned d = 1;
      for (; d <= m.spatial(); ++d) {
        pixel[d] += m.elementStride[d];
        if (pixel[d] < static_cast<int64_t>(m.size[d]) + m.upper[d - 1])
          break;
        pixel[d] = m.lower[d - 1];
      }
      pixel[m.rank - 1] += d > m.spatial();
    }
  }

  /// Elements before the first and behind the last of dimension 0 are outside.
  void addRow(uint32_t row, uint64_t from, int64_t width, bool inside) {
    int64_t bytes = m.elementBytes();
    int64_t low = std::clamp<int64_t>(-at[0], 0, width);
    int64_t high = std::clamp<int64_t>(static_cast<int64_t>(m.size[0]) - at[0], low, width);
    add(row, from, 0, static_cast<uint32_t>(low * bytes), true);
    add(row, from, static_cast<uint32_t>(low * bytes), static_cast<uint32_t>(high * bytes), !inside);
    add(row, from, static_cast<uint32_t>(high * bytes), static_cast<uint32_t>(width * bytes), true);
  }

  void runBox() {
    int64_t width = m.count(0), bytes = m.elementBytes();
    uint32_t index[mostTensorRank] = {};
    for (uint32_t row = shared;; row += static_cast<uint32_t>(width * bytes)) {
      uint64_t from = 0;
      bool inside = locate(index, from);
      from += static_cast<uint64_t>(at[0] * bytes);
      addRow(row, from, width, inside);
      unsigned d = 1;
      for (; d < m.rank && ++index[d] == m.count(d); ++d)
        index[d] = 0;
      if (d >= m.rank)
        return;
    }
  }

  /// Where a row of the box begins in global memory; false where it is outside of the tensor.
  bool locate(const uint32_t *index, uint64_t &from) const {
    bool inside = true;
    from = m.address;
    for (unsigned d = 1; d < m.rank; ++d) {
      int64_t c = at[d] + int64_t(index[d]) * m.elementStride[d];
      inside = inside && c >= 0 && c < static_cast<int64_t>(m.size[d]);
      from += static_cast<uint64_t>(c) * m.stride[d];
    }
    return inside;
  }

  /// Bytes [begin, end) of a row.
  void add(uint32_t row, uint64_t from, uint32_t begin, uint32_t end, bool outside) {
    for (uint32_t next; begin < end; begin = next) {
      next = m.swizzle ? std::min(end, (begin | 15) + 1) : end;
      BulkPiece piece{outside ? 0 : from + begin, swizzled(row + begin, m.swizzle), next - begin,
                      outside};
      if (!pieces.empty() && extends(pieces.back(), piece))
        pieces.back().bytes += piece.bytes;
      else
        pieces.push_back(piece);
    }
  }
  static bool extends(const BulkPiece &last, const BulkPiece &piece) {
    return last.zeros == piece.zeros && last.shared + last.bytes == piece.shared &&
           (piece.zeros || last.global + last.bytes == piece.global);
  }

  const TensorMap &m;
  const int64_t *at, *offset;
  uint32_t shared;
  std::vector<BulkPiece> &pieces;
};

/// The box in shared memory: aligned, and in one variable.
uint32_t boxAddress(Exec &x, const Op &op, const Request &r, uint64_t address, unsigned lane) {
  uint64_t offset = (address & windowMask) == sharedWindow ? address & ~windowMask : address;
  if (offset % sharedAlign && sharedRegion(x, offset)) {
    report(x, op, FindingKind::Misaligned, 1u << lane, offset, sharedAlign,
           "the box of a tensor copy at " + sharedName(x, offset) + " is not at a multiple of 128",
           "align the tile in shared memory to 128 bytes (better: to the 256, 512 or 1024 bytes "
           "after which its swizzle repeats)");
    stopLaunch(x);
  }
  // A box beyond 32 bits is beyond every variable, too.
  uint64_t bytes = std::min<uint64_t>(r.map.boxBytes(), 0x7ffffff0);
  return sharedRange(x, op, address, static_cast<uint32_t>(bytes), lane);
}

/// One span where the pieces leave no gap (all but the last rows of narrow swizzled boxes).
void findSpans(BulkCopy &copy) {
  uint32_t first = ~0u, end = 0;
  for (const BulkPiece &piece : copy.pieces) {
    first = std::min(first, piece.shared);
    end = std::max(end, piece.shared + piece.bytes);
  }
  if (end - first == copy.bytes) {
    copy.spans.push_back({first, copy.bytes});
    return;
  }
  std::vector<uint32_t> units; // whole ones: pieces may be parts of one, in any order
  for (const BulkPiece &piece : copy.pieces)
    for (uint32_t unit = piece.shared & ~15u; unit < piece.shared + piece.bytes; unit += 16)
      units.push_back(unit);
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  for (uint32_t unit : units)
    if (!copy.spans.empty() && copy.spans.back().first + copy.spans.back().bytes == unit)
      copy.spans.back().bytes += 16;
    else
      copy.spans.push_back({unit, 16});
}

/// What the copy touches in global memory is there, and writable where it writes.
void checkGlobal(Exec &x, const Op &op, const BulkCopy &copy, const Request &r, unsigned lane) {
  Allocation *a = nullptr;
  for (const BulkPiece &piece : copy.pieces) {
    if (piece.zeros)
      continue;
    if (!a || !a->contains(piece.global, piece.bytes))
      a = x.launch->memory->find(piece.global);
    if (!a || !a->contains(piece.global, piece.bytes))
      reportBadAccess(x, op, Space::Global, a ? a->base + a->bytes : piece.global, 1, lane);
    if (copy.kind == BulkKind::Load || !a->readOnly)
      continue;
    report(x, op, FindingKind::ReadOnly, 1u << lane, piece.global, piece.bytes,
           "a tensor copy by the map at " + r.name + " writes to read-only memory",
           "write to a buffer of the launch instead", a->name,
           static_cast<int64_t>(piece.global - a->base), a->bytes);
    stopLaunch(x);
  }
}

BulkCopy tensorCopy(Exec &x, const Op &op, const Request &r, BulkKind kind, uint64_t address,
                    unsigned lane) {
  uint32_t shared = boxAddress(x, op, r, address, lane);
  BulkCopy copy = bulkCopyOf(x, op, kind, lane, static_cast<uint32_t>(r.map.boxBytes()));
  BoxPieces(r, shared, copy.pieces).run();
  findSpans(copy);
  for (const SharedSpan &span : copy.spans) // swizzled units may lie behind the last row
    sharedRange(x, op, span.first, span.bytes, lane);
  checkGlobal(x, op, copy, r, lane);
  copy.fill = r.map.fillPattern();
  copy.map = r.host;
  copy.mapName = r.name;
  copy.mapBytes.assign(r.host, r.host + tensorMapBytes);
  return copy;
}

template <typename F> void eachLane(Exec &x, F body) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1)
    body(static_cast<unsigned>(std::countr_zero(rest)));
}

void tensorLoad(Exec &x, const Op &op) {
  eachLane(x, [&](unsigned lane) {
    const uint32_t *side = x.side(op);
    CopyTargets targets = copyTargets(x, op, sideAddress(x, side + sharedWord, lane), lane);
    Request request = requestOf(x, op, lane);
    BulkCopy copy = tensorCopy(x, op, request, BulkKind::Load, targets.address, lane);
    for (unsigned i = 0; i < targets.count; ++i) {
      launchInto(x, op, *targets.blocks[i], copy, sideAddress(x, side + barrierWord, lane), lane);
      if (!x.program->wgmma || !x.launch->checks)
        continue;
      AtBlock at(x, *targets.blocks[i]); // noted last: the copy itself ends what was there before
      for (const SharedSpan &span : copy.spans)
        noteWgmmaTile(x, op, span.first, span.first + span.bytes, request.map.swizzle);
    }
  });
}

/// The reduction (its number in bulkReductions is op.size - 1) for the map's elements.
uint8_t reductionFor(Exec &x, const Op &op, const Request &r, unsigned lane) {
  std::string_view operation = bulkReductions[op.size - 1];
  std::string_view type = tensorTypeName(r.map.elementType);
  bool bitwise = operation == ".and" || operation == ".or" || operation == ".xor";
  bool integer = type[1] == 'u' || type[1] == 's';
  if (bitwise && integer)
    type = r.map.elementBytes() == 8 ? ".b64" : r.map.elementBytes() == 4 ? ".b32" : type;
  uint8_t row = findReduction(operation, type);
  if (!row)
    refuseMap(x, op, r, lane,
              "a reduction by " + std::string(operation.substr(1)) + " of elements of type " +
                  std::string(type) + " (the map at " + r.name + ") does not exist",
              "reduce by an operation that the element type of the map has");
  return row;
}

void tensorStore(Exec &x, const Op &op) {
  eachLane(x, [&](unsigned lane) {
    Request r = requestOf(x, op, lane);
    BulkCopy copy = tensorCopy(x, op, r, BulkKind::Store,
                               sideAddress(x, x.side(op) + sharedWord, lane), lane);
    copy.reduction = op.size ? reductionFor(x, op, r, lane) : 0;
    checkBulkSource(x, op, copy, lane);
    launchCopy(x, std::move(copy));
  });
}

/// Only the map is looked at: boxes may be prefetched that nobody loads.
void tensorPrefetch(Exec &x, const Op &op) {
  eachLane(x, [&](unsigned lane) { requestOf(x, op, lane); });
}

} // namespace

void checkMapUnchanged(Exec &x, BulkCopy &copy) {
  if (!copy.map || !x.launch->checks ||
      !std::memcmp(copy.map, copy.mapBytes.data(), tensorMapBytes))
    return;
  report(x, *copy.op, tensorMapFinding, 1u << copy.lane, 0, tensorMapBytes,
         "the tensor map at " + copy.mapName + " was changed while this copy was pending" +
             whoChangedMap(x, copy.map),
         copy.kind == BulkKind::Load
             ? "change the map after the phase of the mbarrier of the last copy through it"
             : "change the map after cp.async.bulk.wait_group (.read is not enough) of the last copy through it",
         copy.mapName);
  copy.map = nullptr;
}

void tensorRows(HandlerRows &rows) {
  rows.push_back({"tensor.load", &tensorLoad});
  rows.push_back({"tensor.store", &tensorStore});
  rows.push_back({"tensor.prefetch", &tensorPrefetch});
}

} // namespace cameo::ptx

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout of a bundle file, shared by writer, reader and the tests that damage files on purpose.
//
//   header     64 bytes: magic, version, section count, file size, hash of header and table
//   table      32 bytes a section: kind, flags, offset, size, XXH64
//   sections   requirements, program, images, report, weights; gaps between them are zero
//
// All integers are little-endian. The weights section has no hash of its own: each weight has one,
// in the program. A section that is unknown is skipped unless its flag says that it is required.
#pragma once

#include "cameo/Bundle/Bundle.h"

#include <bit>
#include <cstring>

namespace cameo {

static_assert(std::endian::native == std::endian::little, "bundles are little-endian");

inline constexpr unsigned char kBundleMagic[8] = {0x89, 'C', 'A', 'M', 'E', 'O', '\r', '\n'};
inline constexpr uint64_t kWeightsSectionAlignment = 4096;

struct BundleHeader {
  unsigned char magic[8];
  uint16_t major, minor;
  uint32_t sections;
  uint64_t fileBytes;
  uint64_t hash; ///< of this header with hash = 0, then the table
  uint64_t reserved[4];
};
static_assert(sizeof(BundleHeader) == 64);

enum class SectionKind : uint32_t { requirements = 1, program, images, report, weights };
inline constexpr uint32_t kSectionRequired = 1;
inline constexpr uint32_t kMaxSections = 64;

struct BundleSection {
  uint32_t kind, flags;
  uint64_t offset, bytes, hash;
};
static_assert(sizeof(BundleSection) == 32);

/// Where the parts of a description lie in their sections; kept in the program.
struct Placement {
  uint64_t offset = 0, bytes = 0;
};
struct Placements {
  std::vector<Placement> images;  ///< of all modules in order
  std::vector<Placement> weights; ///< references: offset 0
};

/// Fields of an encoded program, for tests that change them one by one.
struct FieldSpan {
  uint64_t offset;
  uint8_t bytes;
};

std::string encodeProgram(const BundleDesc &desc, const Placements &places,
                          std::vector<FieldSpan> *fields = nullptr);
Status decodeProgram(std::string_view bytes, BundleDesc &desc, Placements &places,
                     uint16_t major = kBundleMajor);

/// What a reader has to know, by name: "step.launch", "expr.select", "host.NAME", …
std::vector<std::string> requirementsOf(const BundleDesc &desc);
/// The first requirement that this version does not know ("host." is the runtime's to judge).
std::optional<std::string> unknownRequirement(const std::vector<std::string> &names);

/// Recomputes all hashes of a bundle held in memory, as an attacker would. False when its header or
/// table do not make sense.
bool resealBundle(std::string &file);

inline Error invalidBundle(std::string message) {
  return {ErrorCode::invalid, std::move(message)};
}

} // namespace cameo

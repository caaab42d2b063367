// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Protobuf copies every byte it parses and cannot address more than 2 GiB, and a model is mostly
// weights. So the wire format is walked first, over the mapped file: everything is checked against
// ONNX's own grammar (unknown fields, wire types, lengths, nesting, fields that occur twice), and
// each raw_data of 1 KiB or more is left out of the copy that Protobuf gets; the tensor's `segment`
// field, which no legal model uses and the walk refuses in the input, holds its place in the file.
#pragma once

#include "cameo/Import/Onnx.h"

#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace cameo::importer {

/// raw_data of at least so many bytes stays in the file.
inline constexpr uint64_t kMappedDataBytes = 1024;

/// Walks `file` as a ModelProto and appends it to `stripped` without its large raw_data. On failure
/// adds one problem and returns false.
bool stripModel(llvm::ArrayRef<char> file, const ImportLimits &limits, std::string &stripped,
                ProblemList &problems);

} // namespace cameo::importer

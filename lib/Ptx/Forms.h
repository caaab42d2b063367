// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether the PTX ISA has an opcode with these modifiers; see Forms.cpp.
#ifndef CAMEO_LIB_PTX_FORMS_H
#define CAMEO_LIB_PTX_FORMS_H

#include <string_view>
#include <vector>

namespace cameo::ptx {

/// Modifiers begin with their dot.
bool isFormOfIsa(std::string_view opcode, const std::vector<std::string_view> &modifiers);

} // namespace cameo::ptx

#endif

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The precompiled header needs one translation unit to belong to; it holds nothing.

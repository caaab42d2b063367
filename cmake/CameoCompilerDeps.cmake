# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# LLVM/MLIR 22.1 as the distribution packages it (shared libMLIR and libLLVM, RTTI on) and ONNX's C++
# library as scripts/setup builds it. Also the one precompiled header: an MLIR source file costs 17 s
# without it and 1-2 s with it.
if(NOT DEFINED MLIR_DIR AND EXISTS "/usr/lib/llvm-22/lib/cmake/mlir")
  set(MLIR_DIR "/usr/lib/llvm-22/lib/cmake/mlir")
endif()
find_package(MLIR 22.1 REQUIRED CONFIG) # "22" alone is rejected by the package's version file
message(STATUS "LLVM/MLIR ${LLVM_PACKAGE_VERSION}: ${LLVM_LIBRARY_DIR}")

# The list is one string with spaces; passed on as it is, it becomes a single mangled definition.
separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
set(CAMEO_LLVM_DEFINITIONS "")
foreach(definition IN LISTS definitions)
  string(REGEX REPLACE "^-D" "" definition "${definition}")
  list(APPEND CAMEO_LLVM_DEFINITIONS "${definition}")
endforeach()
set(MLIR_BINARY_DIR "${CMAKE_BINARY_DIR}")

find_package(Protobuf REQUIRED) # before ONNX, whose config needs the target
find_package(ONNX 1.23.2 EXACT REQUIRED CONFIG HINTS "${CAMEO_DEPS_DIR}/onnx")

# What the importer links: LINK CameoOnnx. Only sources listed under EXCEPTIONS may call it.
add_library(CameoOnnx INTERFACE)
target_link_libraries(CameoOnnx INTERFACE ONNX::onnx protobuf::libprotobuf)

find_package(Eigen3 3.4 QUIET CONFIG)

# Every generated header hangs off this target, and every compiler-side target waits for it.
add_custom_target(cameo-headers)

add_library(cameo-pch STATIC "${PROJECT_SOURCE_DIR}/cmake/Pch.cpp")
_cameo_common(cameo-pch)
_cameo_mlir_settings(cameo-pch)
target_compile_options(cameo-pch PRIVATE -Xclang -fno-pch-timestamp)
target_precompile_headers(cameo-pch PRIVATE "${PROJECT_SOURCE_DIR}/cmake/Pch.h")

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How targets are declared. Source lists are written out (no globs), so that a file that nobody builds
# is visible. The functions:
#
#   cameo_add_subdirectories(dir...)      those that exist; a dir below one with its own list is left to it
#   cameo_add_library(name [SHARED] SRCS a.cpp... [LINK lib...] [DEPENDS target...])
#       runtime side: exceptions inside, no LLVM
#   cameo_add_mlir_library(name SRCS a.cpp... [LINK lib...] [DEPENDS target...] [EXCEPTIONS b.cpp...])
#       compiler side: -fno-exceptions, the shared precompiled header, libMLIR and libLLVM;
#       EXCEPTIONS names those of the sources that call onnx:: and therefore catch
#   cameo_add_tool(name [MLIR] [INTERNAL] SRCS ... [LINK ...])   into bin/ (INTERNAL: never installed)
#   cameo_add_pass_plugin(name SRCS ...)      for --load-pass-plugin; links none of our libraries, because the
#       tool that loads it has them
#   cameo_add_unit_test(name [MLIR] SRCS ... [LINK ...])      into test/unit/, one GoogleTest program each
#       (MLIR: compiler side; skipped when the compiler side is not built)

function(cameo_add_subdirectories)
  foreach(dir IN LISTS ARGN)
    cmake_path(GET dir PARENT_PATH parent)
    if(parent AND EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${parent}/CMakeLists.txt")
      continue()
    endif()
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt")
      add_subdirectory("${dir}")
    endif()
  endforeach()
endfunction()

function(_cameo_common target)
  target_include_directories(${target} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>")
  if(ARG_DEPENDS)
    add_dependencies(${target} ${ARG_DEPENDS})
  endif()
endfunction()

# Compile settings that the precompiled header and all its users must share, word for word.
function(_cameo_mlir_settings target)
  target_include_directories(${target} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE ${CAMEO_LLVM_DEFINITIONS})
  target_compile_options(${target} PRIVATE -fno-exceptions)
  target_link_libraries(${target} PUBLIC MLIR LLVM)
  add_dependencies(${target} cameo-headers)
endfunction()

function(_cameo_use_pch target)
  if(NOT TARGET cameo-pch)
    return()
  endif()
  target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
  target_precompile_headers(${target} REUSE_FROM cameo-pch)
endfunction()

function(_cameo_allow_exceptions)
  foreach(file IN LISTS ARGN)
    set_source_files_properties(${file} PROPERTIES
      COMPILE_OPTIONS "-fexceptions" SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
endfunction()

function(cameo_add_library name)
  cmake_parse_arguments(ARG "SHARED" "" "SRCS;LINK;DEPENDS" ${ARGN})
  set(kind STATIC)
  if(ARG_SHARED)
    set(kind SHARED)
  endif()
  add_library(${name} ${kind} ${ARG_SRCS})
  _cameo_common(${name})
  if(ARG_SHARED)
    # What is inside stays inside: users of the shared object see its own interface alone.
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    target_include_directories(${name} PUBLIC "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    set_property(GLOBAL APPEND PROPERTY CAMEO_SHARED_LIBRARIES ${name})
    install(TARGETS ${name} EXPORT CameoTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  else()
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  endif()
endfunction()

function(cameo_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;LINK;DEPENDS;EXCEPTIONS" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  _cameo_common(${name})
  _cameo_mlir_settings(${name})
  _cameo_use_pch(${name})
  _cameo_allow_exceptions(${ARG_EXCEPTIONS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(cameo_add_tool name)
  cmake_parse_arguments(ARG "MLIR;INTERNAL" "" "SRCS;LINK;DEPENDS;EXCEPTIONS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  _cameo_common(${name})
  if(ARG_MLIR)
    _cameo_mlir_settings(${name})
    _cameo_use_pch(${name})
    # Pass plugins resolve our dialects' symbols against the tool.
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  endif()
  _cameo_allow_exceptions(${ARG_EXCEPTIONS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  if(NOT ARG_INTERNAL)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

function(cameo_add_pass_plugin name)
  cmake_parse_arguments(ARG "" "" "SRCS" ${ARGN})
  add_library(${name} MODULE ${ARG_SRCS})
  _cameo_common(${name})
  _cameo_mlir_settings(${name})
  _cameo_use_pch(${name})
  set_target_properties(${name} PROPERTIES PREFIX "")
endfunction()

function(cameo_add_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "" "SRCS;LINK;DEPENDS;EXCEPTIONS" ${ARGN})
  if(ARG_MLIR AND NOT CAMEO_BUILD_COMPILER)
    return()
  endif()
  add_executable(${name} ${ARG_SRCS})
  _cameo_common(${name})
  if(ARG_MLIR)
    _cameo_mlir_settings(${name})
    _cameo_use_pch(${name})
  endif()
  _cameo_allow_exceptions(${ARG_EXCEPTIONS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/test/unit")
  add_dependencies(cameo-unit-tests ${name})
endfunction()

add_custom_target(cameo-unit-tests)

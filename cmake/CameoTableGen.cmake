# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# TableGen. What a .td file under include/ generates lies at the same relative place under the build
# folder's include/, whichever CMakeLists.txt asks for it; of one elsewhere (an example), in the current
# binary folder. The functions:
#
#   cameo_tablegen(<file.td> <output.inc> <mlir-tblgen arguments...>)      one output
#   cameo_tablegen_dialect(<file.td> NAME <mnemonic> [PREFIX <Graph>])     for Graph:
#       GraphOps.{h,cpp}.inc  GraphDialect.{h,cpp}.inc  GraphTypes.{h,cpp}.inc
#       GraphAttributes.{h,cpp}.inc  GraphEnums.{h,cpp}.inc  and docs/Dialects/Graph.md
#       (PREFIX defaults to the file's name without a trailing "Ops" or "Dialect")
#   cameo_tablegen_interface(<file.td> KIND op|attr|type)                  File.{h,cpp}.inc
#   cameo_tablegen_passes(<file.td> NAME <Group>)                          File.h.inc and docs/Passes/Group.md
find_program(CAMEO_TBLGEN NAMES mlir-tblgen mlir-tblgen-22 HINTS "${LLVM_TOOLS_BINARY_DIR}" REQUIRED)

add_custom_target(cameo-docs)

function(_cameo_tblgen td absolute_output collector)
  cmake_path(ABSOLUTE_PATH td BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  cmake_path(GET absolute_output PARENT_PATH directory)
  file(MAKE_DIRECTORY "${directory}")
  set(includes -I "${PROJECT_SOURCE_DIR}/include")
  foreach(include IN LISTS MLIR_INCLUDE_DIRS)
    list(APPEND includes -I "${include}")
  endforeach()
  cmake_path(RELATIVE_PATH absolute_output BASE_DIRECTORY "${CMAKE_BINARY_DIR}" OUTPUT_VARIABLE label)
  add_custom_command(
    OUTPUT "${absolute_output}"
    COMMAND ${CAMEO_TBLGEN} ${ARGN} ${includes} -I "${PROJECT_BINARY_DIR}/include" "${td}"
            --write-if-changed -o "${absolute_output}" -d "${absolute_output}.d"
    DEPENDS "${td}" DEPFILE "${absolute_output}.d" VERBATIM
    COMMENT "TableGen ${label}")
  string(MAKE_C_IDENTIFIER "tblgen-${label}" target)
  add_custom_target(${target} DEPENDS "${absolute_output}")
  add_dependencies(${collector} ${target})
endfunction()

# Sets <out> to the folder for what <td> generates.
function(_cameo_generated_dir td out)
  cmake_path(ABSOLUTE_PATH td BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  cmake_path(GET td PARENT_PATH directory)
  cmake_path(RELATIVE_PATH directory BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/include" OUTPUT_VARIABLE relative)
  if(relative MATCHES "^\\.\\.")
    set(${out} "${CMAKE_CURRENT_BINARY_DIR}" PARENT_SCOPE)
  else()
    set(${out} "${PROJECT_BINARY_DIR}/include/${relative}" PARENT_SCOPE)
  endif()
endfunction()

function(cameo_tablegen td output)
  _cameo_generated_dir("${td}" directory)
  _cameo_tblgen("${td}" "${directory}/${output}" cameo-headers ${ARGN})
endfunction()

function(cameo_tablegen_dialect td)
  cmake_parse_arguments(ARG "" "NAME;PREFIX" "" ${ARGN})
  if(NOT ARG_PREFIX)
    cmake_path(GET td STEM ARG_PREFIX)
    string(REGEX REPLACE "(Ops|Dialect)$" "" ARG_PREFIX "${ARG_PREFIX}")
  endif()
  set(p ${ARG_PREFIX})
  cameo_tablegen(${td} ${p}Ops.h.inc -gen-op-decls)
  cameo_tablegen(${td} ${p}Ops.cpp.inc -gen-op-defs)
  cameo_tablegen(${td} ${p}Dialect.h.inc -gen-dialect-decls -dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Dialect.cpp.inc -gen-dialect-defs -dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Types.h.inc -gen-typedef-decls -typedefs-dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Attributes.h.inc -gen-attrdef-decls -attrdefs-dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Attributes.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${ARG_NAME})
  cameo_tablegen(${td} ${p}Enums.h.inc -gen-enum-decls)
  cameo_tablegen(${td} ${p}Enums.cpp.inc -gen-enum-defs)
  _cameo_tblgen(${td} "${CMAKE_BINARY_DIR}/docs/Dialects/${p}.md" cameo-docs
    -gen-dialect-doc -dialect=${ARG_NAME})
endfunction()

function(cameo_tablegen_interface td)
  cmake_parse_arguments(ARG "" "KIND" "" ${ARGN})
  cmake_path(GET td STEM stem)
  cameo_tablegen(${td} ${stem}.h.inc -gen-${ARG_KIND}-interface-decls)
  cameo_tablegen(${td} ${stem}.cpp.inc -gen-${ARG_KIND}-interface-defs)
endfunction()

function(cameo_tablegen_passes td)
  cmake_parse_arguments(ARG "" "NAME" "" ${ARGN})
  cmake_path(GET td STEM stem)
  cameo_tablegen(${td} ${stem}.h.inc -gen-pass-decls -name=${ARG_NAME})
  _cameo_tblgen(${td} "${CMAKE_BINARY_DIR}/docs/Passes/${ARG_NAME}.md" cameo-docs -gen-pass-doc)
endfunction()

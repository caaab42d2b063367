# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Language, warnings, sanitizers, linker and compiler cache: everything that holds for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# A precompiled header is refused where -fPIC and -fPIE differ, and programs share the libraries' one.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE "-fPIC")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)
set(CMAKE_VISIBILITY_INLINES_HIDDEN OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -O3 buys nothing measurable on the compiler side and costs build time; lib/Ptx asks for it itself.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# Line tables only: sanitizer reports name lines, and the objects stay small.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -gline-tables-only -UNDEBUG")

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
# Installed tools find the runtime beside them (lib/ in the Python package), wherever the prefix is moved to, and
# LLVM where it was.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};$ORIGIN/../lib")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

add_compile_options(-Wall -Wextra -Wno-unused-parameter -ffunction-sections -fdata-sections)
if(CAMEO_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-fcolor-diagnostics)
endif()

if(CAMEO_SANITIZE)
  add_compile_options(-fsanitize=${CAMEO_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CAMEO_SANITIZE})
  if(CAMEO_SANITIZE MATCHES "undefined")
    # A finding must fail the test that made it. vptr needs the type information of every base class.
    add_compile_options(-fno-sanitize=vptr -fno-sanitize-recover=all)
    add_link_options(-fno-sanitize=vptr)
  endif()
endif()

if(CAMEO_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # counters of edges for libFuzzer
endif()

find_program(CAMEO_LLD NAMES ld.lld-22 lld-22)
if(CAMEO_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=${CAMEO_LLD} -Wl,--gc-sections)
endif()

# ccache: a precompiled header is only cached with these; BASEDIR and NOHASHDIR let clones share hits; with DEPEND
# a miss is not preprocessed on its own, with INODECACHE the header's 240 MB are not hashed again for every file.
find_program(CAMEO_CCACHE ccache)
if(CAMEO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_DEPEND=1 CCACHE_INODECACHE=1 ${CAMEO_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# `cmake --install`: the tools (see cameo_add_tool), the shared runtime libraries, their headers (the C and
# C++ interfaces, no LLVM in them), and a CMake package, so that an application says
# find_package(Cameo) and links Cameo::CameoRuntime.
include(CMakePackageConfigHelpers)

get_property(shared_libraries GLOBAL PROPERTY CAMEO_SHARED_LIBRARIES)
if(NOT shared_libraries)
  return()
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Cameo")
foreach(interface IN ITEMS Runtime Ptx)
  if(EXISTS "${PROJECT_SOURCE_DIR}/include/cameo/${interface}")
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/cameo/${interface}"
      DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cameo" FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
  endif()
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/cameo")
install(EXPORT CameoTargets NAMESPACE Cameo:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/CameoConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/CameoConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/CameoConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/CameoConfig.cmake" "${CMAKE_BINARY_DIR}/CameoConfigVersion.cmake"
  DESTINATION "${package_dir}")

# Installs the public headers, libcsyft.so, the csyft program, csyft.pc, the CMake package, man pages and the unit file.
include(CMakePackageConfigHelpers)

install(TARGETS csyft EXPORT csyftTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(EXISTS "${PROJECT_SOURCE_DIR}/include/csyft")
  install(DIRECTORY include/csyft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/csyft")
install(EXPORT csyftTargets NAMESPACE csyft:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/csyftConfig.cmake.in csyftConfig.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(csyftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/csyftConfig.cmake" "${PROJECT_BINARY_DIR}/csyftConfigVersion.cmake"
  DESTINATION "${package_dir}")

# csyft.pc follows the tree when it is installed elsewhere with --prefix or unpacked by a package.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE pc_libdir)
file(RELATIVE_PATH pc_up "/${pc_libdir}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
configure_file(cmake/csyft.pc.in csyft.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/csyft.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

file(GLOB manuals CONFIGURE_DEPENDS docs/man/*.1)
if(manuals)
  install(FILES ${manuals} DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
endif()
option(CSYFT_SYSTEMD "Install the systemd unit, when the tree has one" OFF)
if(CSYFT_SYSTEMD)
  file(GLOB units CONFIGURE_DEPENDS programs/csyft/*.service)
  install(FILES ${units} DESTINATION "lib/systemd/system")
endif()

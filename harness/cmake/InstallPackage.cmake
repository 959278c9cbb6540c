# `cmake --install`: the command, the static library, its headers and the configurations, for find_package(Velodrome).
# A Kokkos built inside this tree installs itself beside it. tests/consumer is a project that uses the package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(velo_package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/Velodrome)
set(velo_package_targets velodrome velo_flags velo_private_flags velo_record_libraries)
if(NOT VELO_ANALYSIS_ONLY)
  list(APPEND velo_package_targets velo_kokkos)
endif()

# Libraries linked by path (OpenBLAS' OpenMP build) are found at run time too.
set_target_properties(velo PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS velo RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${velo_package_targets} EXPORT VelodromeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT VelodromeTargets NAMESPACE Velodrome:: DESTINATION ${velo_package_directory})
foreach(room IN ITEMS results analysis harness algorithms workloads)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/velodrome FILES_MATCHING PATTERN "*.hpp" PATTERN store EXCLUDE)
endforeach()
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/velodrome)

set(velo_kokkos_directory "")
if(Kokkos_DIR)
  set(velo_kokkos_directory ${Kokkos_DIR})
endif()
configure_package_config_file(harness/cmake/VelodromeConfig.cmake.in ${PROJECT_BINARY_DIR}/VelodromeConfig.cmake
  INSTALL_DESTINATION ${velo_package_directory} PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/VelodromeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/VelodromeConfig.cmake ${PROJECT_BINARY_DIR}/VelodromeConfigVersion.cmake
  DESTINATION ${velo_package_directory})

message(STATUS "Velodrome ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, native ${VELO_NATIVE}, sanitizers ${VELO_SANITIZE}")
if(NOT VELO_ANALYSIS_ONLY)
  if(NOT Kokkos_VERSION)  # a Kokkos built here keeps its version to its own folder
    get_directory_property(Kokkos_VERSION DIRECTORY ${kokkos_SOURCE_DIR} DEFINITION Kokkos_VERSION)
  endif()
  list(LENGTH velo_algorithms algorithm_count)
  list(LENGTH velo_workloads workload_count)
  message(STATUS "Velodrome: ${algorithm_count} algorithms, ${workload_count} workloads; Kokkos ${Kokkos_VERSION} with ${VELO_BACKENDS}")
endif()

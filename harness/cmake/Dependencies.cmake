# Finds the libraries. Everything is an ordinary package except Kokkos and Catch2 3, which Debian 12 lacks:
# an installed one wins, then Debian's archive (debian_source.sh), then the upstream release.
include(FetchContent)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

set(VELO_DEPS_DIR ${CMAKE_SOURCE_DIR}/build/deps CACHE PATH "Where Debian's copies of Kokkos and Catch2 are unpacked")

# velo_debian_source(<what> <result>): path of the unpacked source or package, or empty where apt cannot give it.
function(velo_debian_source what result)
  set(directory ${VELO_DEPS_DIR}/${what})
  if(NOT EXISTS ${directory}/.complete)
    message(STATUS "Fetching ${what} from Debian's archive")
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/harness/cmake/debian_source.sh ${what} ${directory}
                    RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(failed)
      message(STATUS "Debian's archive does not give ${what}: ${said}")
      set(${result} "" PARENT_SCOPE)
      return()
    endif()
  endif()
  set(${result} ${directory} PARENT_SCOPE)
endfunction()

if(VELO_BUILD_TESTS)
  find_package(Catch2 3 QUIET)
  if(NOT Catch2_FOUND)
    velo_debian_source(catch2 catch2_directory)
    if(catch2_directory)
      find_package(Catch2 3 REQUIRED PATHS ${catch2_directory}/usr NO_DEFAULT_PATH)
    else()
      FetchContent_Declare(Catch2 URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz
        URL_HASH SHA256=c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c)
      FetchContent_MakeAvailable(Catch2)
    endif()
  endif()
endif()

if(VELO_ANALYSIS_ONLY)
  if(VELO_BUILD_BENCHMARKS)
    find_package(benchmark QUIET)
  endif()
  return()
endif()

find_package(yaml-cpp REQUIRED)
# oneDNN by path: Debian's CMake package asks for OpenCL, which its library does not need here.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
if(VELO_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()

# OpenBLAS: the OpenMP build by path. The pthread build, Debian's default alternative, fights with OpenMP for the cores
# (1.5 times slower, and up to 37 times beside another busy process).
find_library(OPENBLAS_LIBRARY openblas REQUIRED
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
find_path(OPENBLAS_INCLUDE_DIR cblas.h REQUIRED
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)

set(Kokkos_ENABLE_SERIAL ON CACHE BOOL "")
if(Kokkos_ENABLE_CUDA)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  find_library(CUDNN_LIBRARY cudnn REQUIRED HINTS ${CUDAToolkit_LIBRARY_DIR})
endif()
option(Kokkos_ENABLE_OPENMP "Kokkos with OpenMP" ON)
if(Kokkos_ENABLE_OPENMP)
  find_package(OpenMP REQUIRED)
endif()
# FetchContent remembers the folder; it is found anew each time, because it may have been deleted.
if(FETCHCONTENT_SOURCE_DIR_KOKKOS STREQUAL "${VELO_DEPS_DIR}/kokkos")
  unset(FETCHCONTENT_SOURCE_DIR_KOKKOS CACHE)
endif()
if(NOT FETCHCONTENT_SOURCE_DIR_KOKKOS)
  find_package(Kokkos 3.4 QUIET CONFIG)
endif()
if(NOT Kokkos_FOUND)
  if(NOT FETCHCONTENT_SOURCE_DIR_KOKKOS AND NOT Kokkos_ENABLE_CUDA)
    velo_debian_source(kokkos kokkos_directory)
    if(kokkos_directory)
      set(FETCHCONTENT_SOURCE_DIR_KOKKOS ${kokkos_directory})
    endif()
  endif()
  FetchContent_Declare(Kokkos URL https://github.com/kokkos/kokkos/releases/download/5.2.2/kokkos-5.2.2.tar.gz
    URL_HASH SHA256=d6557aaef39302282a15f9c770433d1fcdf4e961dfd6d9ed726b9d0d0f546b9f SYSTEM)
  FetchContent_MakeAvailable(Kokkos)
  if(TARGET kokkoscore AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # Kokkos 3.4 counts on standard headers that bring <cstdint> along, which GCC 13 and later do not.
    target_compile_options(kokkoscore PUBLIC "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include cstdint>")
  endif()
endif()

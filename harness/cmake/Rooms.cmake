# Helpers with which the rooms declare what they contain.
#
#   velo_host_room(name sources...)     plain C++ object library: everything that must not see Kokkos
#   velo_device_room(name sources...)   Kokkos object library, and name_f64, the same sources in double
#   velo_add_algorithm(family name)     one algorithm = source + test + YAML; refuses an incomplete triple
#   velo_add_workload(name)             the same for a workload
#   velo_add_data_set(name)             registers NAME_data_set(), defined in workloads/data/NAME.cpp

add_library(velo_flags INTERFACE)
target_compile_features(velo_flags INTERFACE cxx_std_20)
target_include_directories(velo_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/velodrome>)
# No contraction: updates and random numbers have the same bits on every instruction set and back-end.
# No errno from square roots: nobody reads it, and setting it keeps every loop with a root from vectorising.
target_compile_options(velo_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-math-errno>
  $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false -Xcompiler=-ffp-contract=off,-fno-math-errno>)

add_library(velo_private_flags INTERFACE)
target_compile_options(velo_private_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow>)
if(VELO_NATIVE)
  target_compile_options(velo_private_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(VELO_SANITIZE)
  target_compile_options(velo_private_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(velo_private_flags INTERFACE -fsanitize=address,undefined)
endif()

# Most of a compilation is the headers of Kokkos and the standard library: with VELO_TOGETHER, eight sources read them once.
function(velo_object_library name)
  add_library(${name} OBJECT ${ARGN})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${VELO_TOGETHER})
endfunction()

function(velo_host_room name)
  velo_object_library(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC velo_flags PRIVATE velo_private_flags)
  set_property(GLOBAL APPEND PROPERTY VELO_ROOMS ${name})
endfunction()

# With VELO_MUTANTS, the copy of an algorithm's source whose rule can be perturbed (tests/mutants) takes its place.
function(velo_mutated result)
  set(sources)
  foreach(source IN LISTS ARGN)
    get_filename_component(path ${source} ABSOLUTE)
    if(VELO_MUTANTS AND path MATCHES "^${PROJECT_SOURCE_DIR}/algorithms/.*/([^/]*)\\.cpp$")
      set(copy ${PROJECT_BINARY_DIR}/mutated/${CMAKE_MATCH_1}.cpp)
      execute_process(COMMAND ${PROJECT_SOURCE_DIR}/tests/mutants/mutate.py ${path} ${copy} COMMAND_ERROR_IS_FATAL ANY)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path} ${PROJECT_SOURCE_DIR}/tests/mutants/mutate.py)
      set(source ${copy})
    endif()
    list(APPEND sources ${source})
  endforeach()
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

function(velo_device_object name)
  velo_mutated(ARGN ${ARGN})
  velo_object_library(${name} ${ARGN})
  if(Kokkos_ENABLE_CUDA AND VELO_TOGETHER)
    cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY \"${PROJECT_SOURCE_DIR}\" CALL velo_unite_for_cuda ${name})")
  endif()
  target_link_libraries(${name} PUBLIC velo_flags velo_kokkos PRIVATE velo_private_flags)
  velo_device_sources(${ARGN})
endfunction()

# What UNITY_BUILD does, for CUDA, which CMake's does not know.
function(velo_unite_for_cuda name)
  get_target_property(sources ${name} SOURCES)
  get_target_property(directory ${name} SOURCE_DIR)
  set(units)
  set(alone)
  set(lines "")
  set(taken 0)
  foreach(source IN LISTS sources)
    get_filename_component(path ${source} ABSOLUTE BASE_DIR ${directory})
    get_source_file_property(skip ${path} TARGET_DIRECTORY ${name} SKIP_UNITY_BUILD_INCLUSION)
    if(skip)
      list(APPEND alone ${path})
      continue()
    endif()
    string(APPEND lines "#include \"${path}\"\n")
    math(EXPR taken "${taken} + 1")
    if(taken EQUAL 8)
      list(APPEND units "${lines}")
      set(lines "")
      set(taken 0)
    endif()
  endforeach()
  if(lines)
    list(APPEND units "${lines}")
  endif()
  set(number 0)
  foreach(unit IN LISTS units)
    set(file ${PROJECT_BINARY_DIR}/together/${name}_${number}.cu)
    file(CONFIGURE OUTPUT ${file} CONTENT "${unit}" @ONLY)
    list(APPEND alone ${file})
    math(EXPR number "${number} + 1")
  endforeach()
  set_property(TARGET ${name} PROPERTY SOURCES ${alone})
endfunction()

# Sources that include Kokkos: CUDA's compiler takes them where that is the back-end, and the compile check lists them.
function(velo_device_sources)
  list(REMOVE_ITEM ARGN EXCLUDE_FROM_ALL)
  foreach(source IN LISTS ARGN)
    get_filename_component(path ${source} ABSOLUTE)
    set_property(GLOBAL APPEND PROPERTY VELO_DEVICE_SOURCES ${path})
  endforeach()
  velo_compile_for_device(${ARGN})
endfunction()

function(velo_compile_for_device)
  if(Kokkos_ENABLE_CUDA)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CUDA)
  endif()
endfunction()

function(velo_device_room name)
  velo_device_object(${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY VELO_ROOMS ${name})
  velo_device_object(${name}_f64 EXCLUDE_FROM_ALL ${ARGN})
  target_compile_definitions(${name}_f64 PUBLIC VELO_SCALAR=double)
  set_property(GLOBAL APPEND PROPERTY VELO_ROOMS_F64 ${name}_f64)
endfunction()

include(Triple)

function(velo_add_algorithm family name)
  velo_require_triple(algorithm ${name}
    algorithms/${family}/${name}.cpp tests/algorithms/${name}_test.cpp configs/algorithms/${name}.yaml)
  if(NOT TARGET velo_algorithms)
    velo_device_object(velo_algorithms)
    set_property(GLOBAL APPEND PROPERTY VELO_ROOMS velo_algorithms)
  endif()
  velo_mutated(source ${PROJECT_SOURCE_DIR}/algorithms/${family}/${name}.cpp)
  target_sources(velo_algorithms PRIVATE ${source})
  velo_device_sources(${source})
  set_property(GLOBAL APPEND PROPERTY VELO_ALGORITHMS ${name})
endfunction()

function(velo_add_workload name)
  velo_require_triple(workload ${name}
    workloads/${name}.cpp tests/workloads/${name}_test.cpp configs/workloads/${name}.yaml)
  velo_device_room(workload_${name} ${PROJECT_SOURCE_DIR}/workloads/${name}.cpp)
  set_property(GLOBAL APPEND PROPERTY VELO_WORKLOADS ${name})
endfunction()

function(velo_add_data_set name)
  set_source_files_properties(data/${name}.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # data sets name their parts alike
  set_property(GLOBAL APPEND PROPERTY VELO_DATA_SETS ${name})
endfunction()

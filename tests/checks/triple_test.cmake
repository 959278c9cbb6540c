# An algorithm or workload without its test or its YAML stops the configuration with a message that names the piece.
# Run as: cmake -DROOT=<source> -DSCRATCH=<folder> -P triple_test.cmake; it runs itself with STEP set for each case.
if(STEP)
  set(PROJECT_SOURCE_DIR ${SCRATCH})
  include(${ROOT}/harness/cmake/Triple.cmake)
  velo_require_triple(algorithm probe ${PIECES})
  return()
endif()

set(pieces algorithms/first_order/probe.cpp tests/algorithms/probe_test.cpp configs/algorithms/probe.yaml)

function(run_with present result said)
  file(REMOVE_RECURSE ${SCRATCH})
  foreach(piece IN LISTS present)
    file(WRITE ${SCRATCH}/${piece} "")
  endforeach()
  execute_process(COMMAND ${CMAKE_COMMAND} -DSTEP=1 -DROOT=${ROOT} -DSCRATCH=${SCRATCH} "-DPIECES=${pieces}"
                          -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
                  RESULT_VARIABLE status ERROR_VARIABLE text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  set(${result} ${status} PARENT_SCOPE)
  set(${said} "${text}" PARENT_SCOPE)
endfunction()

run_with("${pieces}" status said)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "a complete triple was refused: ${said}")
endif()
foreach(piece IN LISTS pieces)
  set(others ${pieces})
  list(REMOVE_ITEM others ${piece})
  run_with("${others}" status said)
  string(FIND "${said}" "algorithm 'probe' is incomplete: ${piece} is missing." position)
  if(status EQUAL 0 OR position EQUAL -1)
    message(FATAL_ERROR "without ${piece} the configuration said (${status}): ${said}")
  endif()
endforeach()
file(REMOVE_RECURSE ${SCRATCH})

# velo_require_triple(kind name pieces...): stops the configuration, naming the missing piece, unless all exist.
# In a file of its own so that tests/checks/triple_test.cmake can run it as a script.
function(velo_require_triple kind name)
  foreach(piece IN LISTS ARGN)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${piece})
      message(FATAL_ERROR "${kind} '${name}' is incomplete: ${piece} is missing. "
                          "`velo new ${kind} ${name}` writes all three files.")
    endif()
  endforeach()
endfunction()

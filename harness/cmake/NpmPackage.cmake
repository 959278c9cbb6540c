# Packages of npm's registry, by its own client (`npm pack`): one tarball of a pinned version and hash, unpacked, none of
# its scripts run, nothing of it in the repository.
#
#   velo_npm_package(<name> <version> <sha256> <result>)   folder of the unpacked package, empty where npm is absent or
#                                                          cannot fetch it; a wrong hash is an error
function(velo_npm_package name version sha256 result)
  string(REGEX REPLACE "^@|/" "-" plain ${name})
  string(REGEX REPLACE "^-" "" plain ${plain})
  set(directory ${VELO_DEPS_DIR}/npm/${plain}-${version})
  set(${result} ${directory}/package PARENT_SCOPE)
  if(EXISTS ${directory}/.complete)
    return()
  endif()
  set(${result} "" PARENT_SCOPE)
  find_program(VELO_NPM npm)
  if(NOT VELO_NPM)
    message(STATUS "No npm, so no ${name}")
    return()
  endif()
  message(STATUS "Fetching ${name} ${version} by npm")
  file(REMOVE_RECURSE ${directory})
  file(MAKE_DIRECTORY ${directory})
  execute_process(COMMAND ${VELO_NPM} pack ${name}@${version} --pack-destination=${directory} --ignore-scripts --loglevel=error
                          --fetch-retries=1 --fetch-timeout=60000 --no-update-notifier
                  WORKING_DIRECTORY ${directory} TIMEOUT 120
                  RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
  file(GLOB tarball ${directory}/*.tgz)
  if(failed OR NOT tarball)
    message(STATUS "npm does not give ${name}: ${said}")
    return()
  endif()
  file(SHA256 ${tarball} found)
  if(NOT found STREQUAL sha256)
    message(FATAL_ERROR "${name} ${version} from npm has the SHA-256 ${found}, not ${sha256}")
  endif()
  file(ARCHIVE_EXTRACT INPUT ${tarball} DESTINATION ${directory})
  file(TOUCH ${directory}/.complete)
  set(${result} ${directory}/package PARENT_SCOPE)
endfunction()

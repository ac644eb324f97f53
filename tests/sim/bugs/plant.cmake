# Plants a bug: cmake -DBUG=x.bug -DFILE=quorum/a.cc -DSOURCE=... -DOUT=copy.cc -P plant.cmake writes
# a copy of FILE with the bug's changes. With BUGS=folder instead it only looks whether that could be
# done with every bug there. A text that is not there exactly once is an error: a bug that the code
# has moved away from must not become no bug in silence.
#
# A bug's file, which may change several places and files:
#
#   what: one sentence: what is wrong
#   from: where it comes from: a paper's section, another project's issue
#   seed: 17
#   caught by: I1 durability
#   --- file quorum/a.cc
#   --- find
#   the exact text
#   --- replace
#   what stands there instead
#   --- end
cmake_minimum_required(VERSION 3.25)

# Takes what stands before `mark`, a line of its own, off the front of the variable named `from`.
function(take from mark result)
  string(FIND "${${from}}" "${mark}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${BUG}: a line '${mark}' is missing")
  endif()
  string(SUBSTRING "${${from}}" 0 ${at} part)
  string(LENGTH "${mark}" skip)
  math(EXPR at "${at} + ${skip}")
  string(SUBSTRING "${${from}}" ${at} -1 rest)
  set(${result} "${part}" PARENT_SCOPE)
  set(${from} "${rest}" PARENT_SCOPE)
endfunction()

# Applies the bug's changes in memory, and writes the file `only` as it is then to `out`, if given.
function(plant BUG only out)
  file(READ "${BUG}" text)
  foreach(field what from seed "caught by")
    if(NOT text MATCHES "(^|\n)${field}: [^\n]+\n")
      message(FATAL_ERROR "${BUG}: no line '${field}: ...'")
    endif()
  endforeach()
  take(text "--- file " ignored)
  while(NOT text STREQUAL "")
    take(text "\n" file)
    take(text "--- find\n" ignored)
    take(text "--- replace\n" find)
    take(text "--- end\n" replace)
    if(NOT DEFINED "code_${file}")
      file(READ "${SOURCE}/${file}" "code_${file}")
    endif()
    string(FIND "${code_${file}}" "${find}" first)
    string(FIND "${code_${file}}" "${find}" last REVERSE)
    if(find STREQUAL "" OR first EQUAL -1 OR NOT first EQUAL last)
      message(FATAL_ERROR "${BUG}: a text is not exactly once in ${file}:\n${find}")
    endif()
    string(REPLACE "${find}" "${replace}" "code_${file}" "${code_${file}}")
    if(NOT text STREQUAL "")
      take(text "--- file " ignored)
    endif()
  endwhile()
  if(NOT out STREQUAL "")
    file(WRITE "${out}" "${code_${only}}")
  endif()
endfunction()

if(DEFINED OUT)
  plant("${BUG}" "${FILE}" "${OUT}")
else()
  file(GLOB bugs "${BUGS}/*.bug")
  foreach(bug IN LISTS bugs)
    plant("${bug}" "" "")
  endforeach()
  list(LENGTH bugs count)
  message(STATUS "${count} bugs can be planted")
endif()

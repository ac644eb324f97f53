# hexad_library(NAME SOURCES ... LINK ...): one row of the include matrix.
#
# A library may include only what it links: its headers are found from the source root, but the test
# tests/unit/layering_test reads every #include against the matrix, and ring 0 libraries link nothing
# but Abseil's status and strings, so that a forbidden use fails to link as well.
function(hexad_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC hexad_flags ${ARG_LINK})
endfunction()

# hexad_tests(LABELS ... LINK ...): every *_test.cc of this folder becomes one test program.
function(hexad_tests)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;LINK" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(HEXAD_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    set(target ${folder}_${stem})
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE hexad_flags ${ARG_LINK} GTest::gmock GTest::gtest_main)
    if(HEXAD_SANITIZE STREQUAL thread)
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:hexad_tsan_order>)
    endif()
    add_test(NAME ${folder}.${stem} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${folder}.${stem} PROPERTIES LABELS "${ARG_LABELS}"
                                                      TIMEOUT ${ARG_TIMEOUT})
  endforeach()
endfunction()

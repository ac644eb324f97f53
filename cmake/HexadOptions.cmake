# How everything is compiled: the language, warnings as errors, sanitizers, ccache and mold.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(HEXAD_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
option(HEXAD_COVERAGE "Count the lines that hexad-sim runs in the cores (cluster-scripts/coverage)" OFF)
option(HEXAD_FUZZERS "Build the libFuzzer targets (Clang only)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

add_library(hexad_flags INTERFACE)
target_include_directories(hexad_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(hexad_flags INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 reports the unused alternatives of every std::variant that it inlines a move of.
  target_compile_options(hexad_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(hexad_flags INTERFACE -Wthread-safety)
endif()

# A sanitizer's report needs lines, not speed; unoptimised code compiles in a third of the time, and
# nothing that it would report has been optimised away.
if(HEXAD_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O0 -g1")
endif()
if(HEXAD_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(HEXAD_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(HEXAD_SANITIZE)
  message(FATAL_ERROR "HEXAD_SANITIZE is '${HEXAD_SANITIZE}': address, thread or empty")
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

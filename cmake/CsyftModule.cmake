# One function per kind of thing that is built:
#
#   csyft_module(NAME ...)          src/<room>/NAME.{h,c} with NAME_test.c and NAME_bench.c beside it
#   csyft_kernel(NAME SET avx2)     a module compiled for one instruction set
#   csyft_program(NAME ...)         an installed program on the public library
#   csyft_example(NAME ...)         an example on the public library, run as a test
#   csyft_program_test(NAME ...)    a test program under tests/
#   csyft_script_test(NAME ...)     a test script under tests/ or tools/
#   csyft_fuzz_target(NAME)         tests/fuzz/NAME.c and its corpus
#
# ctest names are paths: core/status, frameworks/cpu/pointwise, integration/send, cli/worker.
# Labels: unit contract reference integration interop cli install examples fuzz tree; `threads` marks what runs under the thread
# sanitizer; `long` is left out of make check. For each label L the target tests-L builds the programs it needs.

include(CsyftTest)

# csyft_module(NAME [THREADS] [LONG] [SOURCES extra.c ...] [FLAGS ...] [TEST_SOURCES ...] [TEST_LINK lib ...]
#              [BENCH_SOURCES ...] [LABELS ...] [TIMEOUT seconds])
# THREADS labels the test for the thread sanitizer (the rooms transport and workers always are).
function(csyft_module NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS;LONG" "TIMEOUT" "SOURCES;FLAGS;TEST_SOURCES;TEST_LINK;BENCH_SOURCES;LABELS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "csyft_module(${NAME}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(here "${CMAKE_CURRENT_SOURCE_DIR}")
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/src" OUTPUT_VARIABLE room)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${here}")
  if(NOT EXISTS "${here}/${NAME}.c" AND NOT EXISTS "${here}/${NAME}.h" AND NOT EXISTS "${here}/${NAME}_test.c")
    # A warning, so that a list may run ahead of its files while a room is written; tools/check refuses warnings.
    message(WARNING "csyft_module(${NAME}): src/${room}/${NAME}.c, .h and _test.c are all missing")
    return()
  endif()

  set(sources ${arg_SOURCES})
  if(EXISTS "${here}/${NAME}.c")
    list(PREPEND sources "${NAME}.c")
  endif()
  foreach(source IN LISTS sources)
    target_sources(csyft_objects PRIVATE "${here}/${source}")
    if(arg_FLAGS)
      set_source_files_properties("${here}/${source}" TARGET_DIRECTORY csyft_objects
        PROPERTIES COMPILE_OPTIONS "${arg_FLAGS}")
    endif()
  endforeach()
  string(REPLACE "/" "_" target "${room}/${NAME}")
  if(CSYFT_TESTS AND EXISTS "${here}/${NAME}_test.c")
    set(labels unit ${arg_LABELS})
    if(arg_THREADS OR room MATCHES "^(transport|workers)(/|$)")
      list(APPEND labels threads)
    endif()
    if(arg_LONG)
      list(REMOVE_ITEM labels unit)
      list(APPEND labels long)
    endif()
    if(NOT arg_TIMEOUT)
      set(arg_TIMEOUT 60)
    endif()
    syi_test_executable(${target}_test INTERNAL SOURCES "${NAME}_test.c" ${arg_TEST_SOURCES} LINK ${arg_TEST_LINK})
    syi_test("${room}/${NAME}" COMMAND ${target}_test BUILDS ${target}_test
      LABELS ${labels} TIMEOUT ${arg_TIMEOUT})
  endif()
  if(CSYFT_BENCH AND EXISTS "${here}/${NAME}_bench.c")
    add_executable(${target}_bench "${NAME}_bench.c" ${arg_BENCH_SOURCES})
    target_link_libraries(${target}_bench PRIVATE csyft_settings csyft_internal Threads::Threads)
    target_include_directories(${target}_bench PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  endif()
endfunction()

# csyft_kernel(NAME SET generic|avx2|avx512 [as csyft_module]): nothing happens where the processor family has no such
# set, so callers ask CSYFT_HAVE_AVX2 and CSYFT_HAVE_AVX512 (always defined, 0 or 1).
function(csyft_kernel NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SET" "FLAGS")
  if(NOT DEFINED CSYFT_KERNEL_FLAGS_${arg_SET})
    message(FATAL_ERROR "csyft_kernel(${NAME}): unknown instruction set '${arg_SET}'")
  endif()
  if(arg_SET IN_LIST CSYFT_KERNEL_SETS)
    csyft_module(${NAME} FLAGS ${CSYFT_KERNEL_FLAGS_${arg_SET}} ${arg_FLAGS} ${arg_UNPARSED_ARGUMENTS})
  endif()
endfunction()

# csyft_program(NAME source.c ...): the target is program_NAME (the library owns the name csyft).
function(csyft_program NAME)
  add_executable(program_${NAME} ${ARGN})
  set_target_properties(program_${NAME} PROPERTIES OUTPUT_NAME ${NAME}
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  target_include_directories(program_${NAME} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(program_${NAME} PRIVATE csyft_program_settings csyft Threads::Threads m)
  install(TARGETS program_${NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# csyft_example(NAME [SOURCES ...] [TIMEOUT seconds] [ARGS ...]): NAME.c, built on public headers and run as a test.
function(csyft_example NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(example_${NAME} ${NAME}.c ${arg_SOURCES})
  set_target_properties(example_${NAME} PROPERTIES OUTPUT_NAME ${NAME})
  target_link_libraries(example_${NAME} PRIVATE csyft_program_settings csyft Threads::Threads m)
  if(CSYFT_TESTS)
    syi_test("examples/${NAME}" COMMAND example_${NAME} ${arg_ARGS} BUILDS example_${NAME}
      LABELS examples TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()

# csyft_program_test(NAME [KIND reference|integration|cli|interop|...] [PUBLIC] [THREADS] [LONG]
#                    [SOURCES ...] [LINK ...] [ARGS ...] [ENV VAR=value ...] [LABELS ...] [TIMEOUT seconds])
# NAME.c and SOURCES become one cmocka program. KIND defaults to the folder below tests/. PUBLIC links libcsyft.so and
# sees only public headers; otherwise the test links the static internal library. C code finds the tree in the macros
# CSYFT_TEST_SOURCE_DIR and CSYFT_TEST_PROGRAM (path of the built csyft program).
function(csyft_program_test NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PUBLIC;THREADS;LONG" "KIND;TIMEOUT" "SOURCES;LINK;ARGS;ENV;LABELS")
  syi_test_kind(arg_KIND)
  string(REPLACE "/" "_" target "${arg_KIND}_${NAME}")
  set(visibility INTERNAL)
  if(arg_PUBLIC)
    set(visibility PUBLIC)
  endif()
  syi_test_executable(${target} ${visibility} SOURCES ${NAME}.c ${arg_SOURCES} LINK ${arg_LINK})
  set(builds ${target})
  if(TARGET program_csyft)
    list(APPEND builds program_csyft)
  endif()
  syi_test_labels(labels)
  syi_test("${arg_KIND}/${NAME}" COMMAND ${target} ${arg_ARGS} BUILDS ${builds}
    LABELS ${labels} TIMEOUT "${arg_TIMEOUT}" ENV ${arg_ENV})
endfunction()

# csyft_script_test(NAME SCRIPT file [KIND ...] [LONG] [ARGS ...] [ENV ...] [LABELS ...] [TIMEOUT seconds])
# The script gets CSYFT_SOURCE_DIR, CSYFT_BINARY_DIR and CSYFT_PROGRAM in its environment.
function(csyft_script_test NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS;LONG" "KIND;SCRIPT;TIMEOUT" "ARGS;ENV;LABELS")
  syi_test_kind(arg_KIND)
  cmake_path(ABSOLUTE_PATH arg_SCRIPT)
  set(builds csyft)
  if(TARGET program_csyft)
    list(APPEND builds program_csyft)
  endif()
  syi_test_labels(labels)
  syi_test("${arg_KIND}/${NAME}" COMMAND "${arg_SCRIPT}" ${arg_ARGS} BUILDS ${builds}
    LABELS ${labels} TIMEOUT "${arg_TIMEOUT}" ENV ${arg_ENV})
endfunction()

# csyft_fuzz_target(NAME): NAME.c with LLVMFuzzerTestOneInput. Every build replays corpus/NAME (each file and each of its
# prefixes); the fuzz preset links libFuzzer and adds a minute of fuzzing under the label long.
function(csyft_fuzz_target NAME)
  set(target fuzz_${NAME})
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME}")
  add_executable(${target} ${NAME}.c)
  target_link_libraries(${target} PRIVATE csyft_settings csyft_internal)
  set_source_files_properties(${NAME}.c PROPERTIES COMPILE_OPTIONS -Wno-missing-prototypes)
  if(CSYFT_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    syi_test(fuzz/${NAME} COMMAND ${target} -runs=0 "${corpus}" BUILDS ${target} LABELS fuzz TIMEOUT 120)
    file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/found/${NAME}")
    syi_test(fuzz/${NAME}/minute
      COMMAND ${target} -max_total_time=60 -rss_limit_mb=2048 "${CMAKE_CURRENT_BINARY_DIR}/found/${NAME}" "${corpus}"
      BUILDS ${target} LABELS long TIMEOUT 180)
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/fuzz_replay.c")
    syi_test(fuzz/${NAME} COMMAND ${target} "${corpus}" BUILDS ${target} LABELS fuzz TIMEOUT 120)
  endif()
endfunction()

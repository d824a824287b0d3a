# What the functions of CsyftModule.cmake share: test programs, names, labels, environment.

# Programs and examples see public headers only.
add_library(csyft_program_settings INTERFACE)
target_compile_options(csyft_program_settings INTERFACE
  $<TARGET_PROPERTY:csyft_settings,INTERFACE_COMPILE_OPTIONS>)
target_compile_definitions(csyft_program_settings INTERFACE
  $<TARGET_PROPERTY:csyft_settings,INTERFACE_COMPILE_DEFINITIONS>)

add_library(csyft_test_settings INTERFACE)
target_include_directories(csyft_test_settings INTERFACE "${PROJECT_SOURCE_DIR}/tests")
target_compile_definitions(csyft_test_settings INTERFACE
  CSYFT_TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  CSYFT_TEST_PROGRAM="${PROJECT_BINARY_DIR}/programs/csyft/csyft")

# One target per label builds what its tests need, whether or not there are any yet.
set(csyft_test_labels unit contract reference integration interop cli docs install examples fuzz tree threads long)
if(CSYFT_TESTS)
  foreach(label IN LISTS csyft_test_labels)
    add_custom_target(tests-${label})
  endforeach()
endif()

# Suppressions live in tools/sanitizers.supp, one reason per line; each sanitizer reads only its own kind.
set(csyft_test_environment
  "CSYFT_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
  "CSYFT_BINARY_DIR=${PROJECT_BINARY_DIR}"
  "CSYFT_PROGRAM=${PROJECT_BINARY_DIR}/programs/csyft/csyft")
if(CSYFT_SANITIZE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tools/sanitizers.supp)
  file(STRINGS "${PROJECT_SOURCE_DIR}/tools/sanitizers.supp" leaks REGEX "^leak:")
  file(STRINGS "${PROJECT_SOURCE_DIR}/tools/sanitizers.supp" races
    REGEX "^(race|race_top|thread|mutex|signal|deadlock|called_from_lib):")
  list(JOIN leaks "\n" leaks)
  list(JOIN races "\n" races)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/lsan.supp" CONTENT "@leaks@\n" @ONLY)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/tsan.supp" CONTENT "@races@\n" @ONLY)
  list(APPEND csyft_test_environment
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1:check_initialization_order=1:allocator_may_return_null=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_BINARY_DIR}/lsan.supp:print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:allocator_may_return_null=1:second_deadlock_stack=1:suppressions=${PROJECT_BINARY_DIR}/tsan.supp")
endif()

# syi_test_executable(TARGET INTERNAL|PUBLIC SOURCES ... LINK ...)
function(syi_test_executable TARGET VISIBILITY)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;LINK")
  add_executable(${TARGET} ${arg_SOURCES})
  if(VISIBILITY STREQUAL "PUBLIC")
    target_link_libraries(${TARGET} PRIVATE csyft_program_settings csyft)
  else()
    target_link_libraries(${TARGET} PRIVATE csyft_settings csyft_internal)
  endif()
  target_compile_options(${TARGET} PRIVATE ${CSYFT_TEST_FLAGS})
  target_link_options(${TARGET} PRIVATE ${CSYFT_TEST_LINK_FLAGS})
  target_link_libraries(${TARGET} PRIVATE csyft_test_settings PkgConfig::CMOCKA Threads::Threads m ${arg_LINK})
endfunction()

# syi_test(NAME COMMAND ... BUILDS targets LABELS ... TIMEOUT seconds ENV ...): one ctest entry, and the targets tests-L.
function(syi_test NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;BUILDS;LABELS;ENV")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME "${NAME}" COMMAND ${arg_COMMAND})
  set(environment ${csyft_test_environment} ${arg_ENV})
  set_tests_properties("${NAME}" PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}")
  foreach(label IN LISTS arg_LABELS)
    if(NOT label IN_LIST csyft_test_labels)
      message(FATAL_ERROR "test ${NAME}: unknown label '${label}' (known: ${csyft_test_labels})")
    endif()
    add_dependencies(tests-${label} ${arg_BUILDS})
  endforeach()
endfunction()

# syi_test_kind(VAR): fills an empty VAR with the current folder below tests/ (or the folder itself elsewhere).
function(syi_test_kind VAR)
  if(NOT ${VAR})
    cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/tests"
      OUTPUT_VARIABLE kind)
    if(kind MATCHES "^\\.\\./")
      string(REGEX REPLACE "^(\\.\\./)+" "" kind "${kind}")
    endif()
    set(${VAR} "${kind}" PARENT_SCOPE)
  endif()
endfunction()

# syi_test_labels(OUT): the labels of a test from its caller's arguments: the first folder of KIND, LABELS, threads.
# LONG replaces the kind, so that `ctest -L cli` never starts a long test.
function(syi_test_labels OUT)
  string(REGEX REPLACE "/.*" "" kind "${arg_KIND}")
  set(labels ${kind} ${arg_LABELS})
  if(arg_THREADS)
    list(APPEND labels threads)
  endif()
  if(arg_LONG)
    set(labels long)
  endif()
  set(${OUT} "${labels}" PARENT_SCOPE)
endfunction()

# How every file of the project is compiled: the interface target csyft_settings.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(CSYFT_SANITIZE AND NOT CSYFT_FUZZ)
  set(CMAKE_C_VISIBILITY_PRESET default)
else()
  set(CMAKE_C_VISIBILITY_PRESET hidden)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "csyft is built with gcc or clang, not ${CMAKE_C_COMPILER_ID}")
endif()

find_program(CSYFT_CCACHE ccache)
mark_as_advanced(CSYFT_CCACHE)
if(CSYFT_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CSYFT_CCACHE}")
endif()

add_library(csyft_settings INTERFACE)
target_include_directories(csyft_settings INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(csyft_settings INTERFACE _GNU_SOURCE)
target_compile_options(csyft_settings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wcast-align -Wundef
  # Kernels promise the same bits for every instruction set, so a*b+c is fused only where a kernel says so.
  -ffp-contract=off
  -fno-math-errno -fno-semantic-interposition -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  # clang's -Wconversion also refuses assert(condition && "why").
  target_compile_options(csyft_settings INTERFACE -Wno-string-conversion)
endif()
if(CSYFT_WERROR)
  target_compile_options(csyft_settings INTERFACE -Werror)
endif()

# Test programs are compiled once and run for a second: they are not worth optimising, csyft is. (-Og and the sanitizers'
# -O1 still see the warnings that need data flow: the dev preset leaves them alone.)
# Two hundred of them hold a copy of the library in a Release build: linked by gold and without debug information that takes
# a quarter of the time and of the disk.
set(CSYFT_TEST_FLAGS)
set(CSYFT_TEST_LINK_FLAGS)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CSYFT_SANITIZE)
  set(CSYFT_TEST_FLAGS -O0)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CSYFT_SANITIZE)
  include(CheckLinkerFlag)
  check_linker_flag(C -fuse-ld=gold CSYFT_HAVE_GOLD)
  set(CSYFT_TEST_LINK_FLAGS $<$<BOOL:${CSYFT_HAVE_GOLD}>:-fuse-ld=gold> -Wl,--strip-debug)
endif()

# Sanitizers and coverage hold for everything that is compiled or linked here, helpers of the tests included.
if(CSYFT_SANITIZE)
  add_compile_options(-fsanitize=${CSYFT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CSYFT_SANITIZE})
endif()
if(CSYFT_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "CSYFT_FUZZ needs clang (preset fuzz)")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CSYFT_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

# What a small remote operation costs is calls between files; optimised as one, the library spends a tenth less on it
# (docs/internals/virtual-add-profile.md).
set(CSYFT_LTO_FLAGS)
if(CSYFT_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_C_COMPILER_ID STREQUAL "GNU"
    AND NOT CSYFT_SANITIZE AND NOT CSYFT_COVERAGE)
  set(CSYFT_LTO_FLAGS -flto=auto)
endif()

# Instruction sets for kernel files; chosen at run time, never by the machine that builds.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(CSYFT_KERNEL_SETS generic avx2 avx512)
else()
  set(CSYFT_KERNEL_SETS generic)
endif()
set(CSYFT_KERNEL_FLAGS_generic -O3)
set(CSYFT_WIDE_VECTOR_FLAGS) # of files that have functions with AVX-512 beside others
set(CSYFT_KERNEL_FLAGS_avx2 -O3 -mavx2 -mfma -mbmi -mbmi2 -mpopcnt)
set(CSYFT_KERNEL_FLAGS_avx512 ${CSYFT_KERNEL_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl
  -mprefer-vector-width=512)
if(CSYFT_SANITIZE MATCHES "address" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # Its stack frames for detect_stack_use_after_return are aligned to 32 bytes, vectors of 64 fault there. The heap is looked after.
  set(CSYFT_WIDE_VECTOR_FLAGS --param=asan-stack=0)
  list(APPEND CSYFT_KERNEL_FLAGS_avx512 ${CSYFT_WIDE_VECTOR_FLAGS})
endif()
foreach(set avx2 avx512)
  string(TOUPPER "CSYFT_HAVE_${set}" have)
  if(set IN_LIST CSYFT_KERNEL_SETS)
    target_compile_definitions(csyft_settings INTERFACE ${have}=1)
  else()
    target_compile_definitions(csyft_settings INTERFACE ${have}=0)
  endif()
endforeach()

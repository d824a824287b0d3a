# What csyft links with (design, dependencies). Optional ones define CSYFT_HAVE_<NAME> to 0 or 1 and are reported.

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.40)
pkg_check_modules(LWS REQUIRED IMPORTED_TARGET libwebsockets>=4.1)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)

add_library(csyft_dependencies INTERFACE)
target_link_options(csyft_dependencies INTERFACE -Wl,--as-needed)
target_link_libraries(csyft_dependencies INTERFACE
  PkgConfig::UV PkgConfig::LWS PkgConfig::OPENSSL Threads::Threads ${CMAKE_DL_LIBS} m)

set(CSYFT_REPORT "libuv ${UV_VERSION}" "libwebsockets ${LWS_VERSION}" "OpenSSL ${OPENSSL_VERSION}")

# csyft_optional(NAME pkg-config-module): links it when it is there.
function(csyft_optional NAME MODULE)
  pkg_check_modules(${NAME} QUIET IMPORTED_TARGET ${MODULE})
  if(${NAME}_FOUND)
    target_link_libraries(csyft_dependencies INTERFACE PkgConfig::${NAME})
    target_compile_definitions(csyft_dependencies INTERFACE CSYFT_HAVE_${NAME}=1)
    set(line "${MODULE} ${${NAME}_VERSION}")
  else()
    target_compile_definitions(csyft_dependencies INTERFACE CSYFT_HAVE_${NAME}=0)
    set(line "${MODULE} not found (optional)")
  endif()
  set(CSYFT_REPORT ${CSYFT_REPORT} "${line}" PARENT_SCOPE)
endfunction()

csyft_optional(LZ4 liblz4)
csyft_optional(ZLIB zlib)
csyft_optional(ZSTD libzstd)
csyft_optional(PROTOBUF_C libprotobuf-c)

# protobuf-c needs its compiler, too: without one of the two there is no second codec (src/pysyft/protobuf/absent.c).
find_program(CSYFT_PROTOC_C NAMES protoc-c)
mark_as_advanced(CSYFT_PROTOC_C)
set(CSYFT_HAVE_PROTOBUF OFF)
if(PROTOBUF_C_FOUND AND CSYFT_PROTOC_C)
  set(CSYFT_HAVE_PROTOBUF ON)
elseif(PROTOBUF_C_FOUND)
  list(APPEND CSYFT_REPORT "protoc-c not found (optional, no protobuf without it)")
endif()

# OpenBLAS is opened at run time on the first large product; nothing here links with it.
find_file(CSYFT_OPENBLAS NAMES libopenblas.so.0
  PATHS /usr/lib /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/local/lib
  PATH_SUFFIXES openblas-pthread openblas-serial "" NO_DEFAULT_PATH)
mark_as_advanced(CSYFT_OPENBLAS)
if(CSYFT_OPENBLAS)
  list(APPEND CSYFT_REPORT "OpenBLAS ${CSYFT_OPENBLAS} (opened at run time)")
else()
  list(APPEND CSYFT_REPORT "OpenBLAS not found (optional; large float products use csyft's own kernel)")
endif()

if(CSYFT_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
  list(APPEND CSYFT_REPORT "cmocka ${CMOCKA_VERSION} (tests)")
  # Tests that secrets decide no branch and no address (crypto/constant_time_test.c).
  find_program(CSYFT_VALGRIND NAMES valgrind)
  find_path(CSYFT_MEMCHECK NAMES valgrind/memcheck.h)
  mark_as_advanced(CSYFT_VALGRIND CSYFT_MEMCHECK)
  if(CSYFT_VALGRIND AND CSYFT_MEMCHECK)
    list(APPEND CSYFT_REPORT "valgrind ${CSYFT_VALGRIND} (tests)")
  else()
    list(APPEND CSYFT_REPORT "valgrind not found (optional; no test of constant time)")
  endif()
endif()

function(csyft_report)
  set(mode "${CMAKE_BUILD_TYPE}")
  if(CSYFT_SANITIZE)
    string(APPEND mode ", sanitizers ${CSYFT_SANITIZE}")
  endif()
  message(STATUS "csyft ${PROJECT_VERSION}, ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}, ${mode}")
  foreach(line IN LISTS CSYFT_REPORT)
    message(STATUS "  ${line}")
  endforeach()
endfunction()

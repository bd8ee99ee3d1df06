# What every part of the build shares.
include(GNUInstallDirs)
find_package(Threads REQUIRED)

add_library(assay_flags INTERFACE)
target_compile_features(assay_flags INTERFACE cxx_std_20)
target_include_directories(assay_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
# For g++ alone: the GPU's compilers have flags of their own (assay_gpu.cmake).
target_compile_options(assay_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual;-Werror>"
                       # GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
                       $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
if(ASSAY_SANITIZE)
  # GCC's documentation: with -fsanitize, warnings about uninitialised values may be false (here, in std::regex).
  target_compile_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
                                               -Wno-maybe-uninitialized)
  target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# DNNL::dnnl, found by its files: the package's own CMake configuration asks for OpenCL, which nothing here uses.
macro(assay_find_onednn)
  if(NOT TARGET DNNL::dnnl)
    find_path(ONEDNN_INCLUDE dnnl.hpp)
    find_library(ONEDNN_LIBRARY dnnl)
    if(NOT ONEDNN_INCLUDE OR NOT ONEDNN_LIBRARY)
      message(FATAL_ERROR "oneDNN was not found; on Debian: apt-get install libdnnl-dev")
    endif()
    add_library(DNNL::dnnl UNKNOWN IMPORTED)
    set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${ONEDNN_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${ONEDNN_INCLUDE})
  endif()
endmacro()

# assay_embed(TARGET FILE SYMBOL): the bytes of FILE as `extern const std::string_view SYMBOL` of namespace
# assay::embedded. FILE may be made by the build.
function(assay_embed target file symbol)
  set(output ${CMAKE_BINARY_DIR}/generated/embedded/${symbol}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${CMAKE_SOURCE_DIR}/ci/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/ci/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# assay_plain_when_sanitized(TARGET...): under sanitizers compiled without optimisation. For libraries that parse and tell: they
# compile in half the time (21 to 11 s of the processor for record/catalogue.cpp), and their tests compute little.
function(assay_plain_when_sanitized)
  if(ASSAY_SANITIZE)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -O0)
    endforeach()
  endif()
endfunction()

# assay_tests(PART SOURCES... LIBRARIES... [LABEL LABEL]): one test program per part, one ctest entry per test case.
function(assay_tests name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LIBRARIES" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE assay_flags ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ASSAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # What is looked into is the product; the tests' own code takes nearly twice as long to compile optimised.
  target_compile_options(${name} PRIVATE -O0)
  set(labels)
  if(ASSAY_SANITIZE AND name MATCHES "^(reports|runners)_test$")
    set(labels LABELS whole)  # ci/sanitize runs these two as one process each, and looks for leaks
  endif()
  if(ARG_LABEL)
    set(labels LABELS ${ARG_LABEL})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 ${labels})
endfunction()

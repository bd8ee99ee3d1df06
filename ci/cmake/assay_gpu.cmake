# How `*.gpu.cpp` is compiled: by nvcc (ASSAY_GPU=cuda, and hip on nvidia) or by hipcc (hip on amd); not at all in a build without
# a GPU. Everything else is g++'s, in all builds alike: only generated/suites/device/gpu/build_settings.h differs, which one header includes.
#
#   assay_gpu_source(TARGET FILE)   adds the object of one .gpu.cpp to TARGET
#   assay_gpu_finish(TARGET)        links what these objects need
#
# Options of the hip-amd build: ASSAY_HIP_TARGETS, the processors to compile for (default: those that this hipcc knows of
# gfx90a gfx942 gfx950).
set(ASSAY_GPU_WORDS "not compiled in")
set(gpu_enabled 0)
set(gpu_objects)

if(ASSAY_GPU STREQUAL cuda OR (ASSAY_GPU STREQUAL hip AND ASSAY_HIP_PLATFORM STREQUAL nvidia))
  set(gpu_enabled 1)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # Machine code for A100, H100 and B200, and PTX that the driver of anything newer compiles at start.
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;100")
  endif()
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(CMAKE_CUDA_COMPILER nvcc HINTS /usr/local/cuda/bin $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin)
    if(NOT CMAKE_CUDA_COMPILER)
      message(FATAL_ERROR "ASSAY_GPU=${ASSAY_GPU} needs nvcc; install the CUDA toolkit, give -DCMAKE_CUDA_COMPILER=PATH, or build with ASSAY_GPU=none")
    endif()
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  # CMake 3.25 does not know C++20 for nvcc 13, so the flag is ours; without extensions CMake would add that of C++17.
  add_library(assay_gpu_objects OBJECT)
  set_target_properties(assay_gpu_objects PROPERTIES CUDA_EXTENSIONS ON)
  target_compile_options(assay_gpu_objects PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-lineinfo;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra>")
  target_include_directories(assay_gpu_objects PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  if(ASSAY_GPU STREQUAL cuda)
    set(ASSAY_GPU_WORDS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}")
    target_compile_definitions(assay_gpu_objects PRIVATE ASSAY_GPU_CUDA)
  else()
    find_path(ASSAY_HIP_INCLUDE hip/nvidia_detail/nvidia_hip_runtime_api.h HINTS $ENV{ROCM_PATH}/include $ENV{HIP_PATH}/include /opt/rocm/include)
    if(NOT ASSAY_HIP_INCLUDE)
      message(FATAL_ERROR "ASSAY_HIP_PLATFORM=nvidia needs HIP's headers for NVIDIA; on Debian: apt-get install libamdhip64-dev")
    endif()
    set(ASSAY_GPU_WORDS "HIP by nvcc ${CMAKE_CUDA_COMPILER_VERSION}")
    target_compile_definitions(assay_gpu_objects PRIVATE ASSAY_GPU_HIP __HIP_PLATFORM_NVIDIA__ __HIP_PLATFORM_NVCC__)
    if(NOT ASSAY_HIP_INCLUDE STREQUAL /usr/include)
      target_include_directories(assay_gpu_objects SYSTEM PRIVATE ${ASSAY_HIP_INCLUDE})
    endif()
  endif()
elseif(ASSAY_GPU STREQUAL hip)
  set(gpu_enabled 1)
  find_program(ASSAY_HIPCC hipcc HINTS $ENV{ROCM_PATH}/bin /opt/rocm/bin)
  find_library(ASSAY_HIP_LIBRARY amdhip64 HINTS $ENV{ROCM_PATH}/lib /opt/rocm/lib)
  if(NOT ASSAY_HIPCC OR NOT ASSAY_HIP_LIBRARY)
    message(FATAL_ERROR "ASSAY_GPU=hip needs hipcc and libamdhip64; on Debian: apt-get install hipcc libamdhip64-dev; or build with ASSAY_GPU=none")
  endif()
  file(REAL_PATH ${ASSAY_HIPCC} ASSAY_HIPCC_FILE)  # hipcc looks for its parts beside itself: /bin/hipcc finds none
  # Without a GPU hipcc's look for one fails and prints; the platform and targets are given, so it need not look.
  set(gpu_hip_command ${CMAKE_COMMAND} -E env HIP_PLATFORM=amd ${ASSAY_HIPCC_FILE})
  if(NOT ASSAY_HIP_TARGETS)
    file(WRITE ${CMAKE_BINARY_DIR}/probe.hip.cpp "#include <hip/hip_runtime.h>\n__global__ void probe() {}\n")
    foreach(target gfx90a gfx942 gfx950)
      execute_process(COMMAND ${gpu_hip_command} -x hip --offload-arch=${target} -c ${CMAKE_BINARY_DIR}/probe.hip.cpp -o ${CMAKE_BINARY_DIR}/probe.hip.o
                      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
      if(NOT failed)
        list(APPEND known_targets ${target})
      endif()
    endforeach()
    set(ASSAY_HIP_TARGETS "${known_targets}" CACHE STRING "Processors that hipcc compiles for" FORCE)
  endif()
  if(NOT ASSAY_HIP_TARGETS)
    message(FATAL_ERROR "${ASSAY_HIPCC} compiles for none of gfx90a, gfx942, gfx950; give -DASSAY_HIP_TARGETS=gfx...")
  endif()
  message(STATUS "HIP targets: ${ASSAY_HIP_TARGETS}")
  list(JOIN ASSAY_HIP_TARGETS " " words)
  set(ASSAY_GPU_WORDS "HIP by hipcc for ${words}")
  list(TRANSFORM ASSAY_HIP_TARGETS PREPEND --offload-arch= OUTPUT_VARIABLE gpu_hip_targets)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(gpu_hip_flags UNIX_COMMAND "${CMAKE_CXX_FLAGS_${type}}")
endif()

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/suites/device/gpu/build_settings.h @ONLY CONTENT
[[// Generated: which GPU's sources are in this build.
#define ASSAY_GPU_COMPILED @gpu_enabled@
#define ASSAY_GPU_WORDS "@ASSAY_GPU_WORDS@"
]])

macro(assay_gpu_source target file)
  if(TARGET assay_gpu_objects)
    set_source_files_properties(${file} PROPERTIES LANGUAGE CUDA)
    target_sources(assay_gpu_objects PRIVATE ${file})
  elseif(ASSAY_GPU STREQUAL hip)
    set(gpu_file ${file})
    cmake_path(ABSOLUTE_PATH gpu_file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    cmake_path(RELATIVE_PATH gpu_file BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE gpu_name)
    set(gpu_object ${CMAKE_BINARY_DIR}/hip/${gpu_name}.o)
    cmake_path(GET gpu_object PARENT_PATH gpu_folder)
    file(MAKE_DIRECTORY ${gpu_folder})
    add_custom_command(OUTPUT ${gpu_object}
      COMMAND ${gpu_hip_command} -x hip ${gpu_hip_targets} -std=c++20 ${gpu_hip_flags} -fPIC -Wall -Wextra -Werror -DASSAY_GPU_HIP
              -I${CMAKE_SOURCE_DIR} -I${CMAKE_BINARY_DIR}/generated -MD -MF ${gpu_object}.d -c ${gpu_file} -o ${gpu_object}
      DEPENDS ${gpu_file} DEPFILE ${gpu_object}.d COMMENT "Compiling ${gpu_name} with hipcc" VERBATIM)
    list(APPEND gpu_objects ${gpu_object})
  endif()
endmacro()

macro(assay_gpu_finish target)
  if(TARGET assay_gpu_objects)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:assay_gpu_objects>)
    # Without its include folder: host code needs none, and compiles as in every other build (ccache).
    target_link_libraries(${target} PRIVATE $<LINK_ONLY:CUDA::cudart_static>)
  elseif(ASSAY_GPU STREQUAL hip)
    set_source_files_properties(${gpu_objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    target_sources(${target} PRIVATE ${gpu_objects})
    target_link_libraries(${target} PRIVATE ${ASSAY_HIP_LIBRARY})
  endif()
endmacro()

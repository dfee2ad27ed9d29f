# Decides whether device code is compiled: RESNET_HAVE_CUDA. Which files are built (lib/*/cuda or
# lib/*/nocuda) is all that differs; no source asks.
set(RESNET_HAVE_CUDA OFF)
if(RESNET_CUDA STREQUAL "off")
  message(STATUS "CUDA: off (RESNET_CUDA=off)")
  return()
endif()

include(CheckLanguage)
set(CMAKE_CUDA_ARCHITECTURES OFF)  # none yet: the list is made below
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(RESNET_CUDA STREQUAL "on")
    message(FATAL_ERROR "RESNET_CUDA=on, but no nvcc was found: add its folder to PATH")
  endif()
  message(STATUS "CUDA: no nvcc found, building for the CPU only")
  return()
endif()

# What this nvcc can make: "80" needs compute_80; "90a" and "90a-real" need compute_90.
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE known)
set(chosen "")
foreach(architecture IN LISTS RESNET_CUDA_ARCHITECTURES)
  string(REGEX MATCH "^[0-9]+" number ${architecture})
  if(known MATCHES "compute_${number}[^0-9]")
    list(APPEND chosen ${architecture})
  else()
    message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER} does not know ${architecture}, left out")
  endif()
endforeach()
if(NOT chosen)
  message(FATAL_ERROR "nvcc knows none of RESNET_CUDA_ARCHITECTURES=${RESNET_CUDA_ARCHITECTURES}")
endif()
set(CMAKE_CUDA_ARCHITECTURES ${chosen})
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know nvcc's C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
# fmt 9 takes nvcc for a compiler without constexpr, and then does not compile as C++20.
add_compile_definitions($<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>)
set(RESNET_HAVE_CUDA ON)
message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION}, "
               "architectures ${CMAKE_CUDA_ARCHITECTURES}")

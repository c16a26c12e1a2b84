# One precompiled <torch/torch.h> for everything that links LibTorch: a file then compiles in seconds instead of 15-40 s.
include_guard(GLOBAL)

# A compiler cache must be told that a precompiled header may be used although it may hold __TIME__ and other macros.
function(trireme_cache_precompiled target)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache" AND NOT CMAKE_CXX_COMPILER_LAUNCHER MATCHES "CCACHE_SLOPPINESS")
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endfunction()

if(NOT TARGET trireme_torch_pch)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/torch_pch.cc" CONTENT "#include <torch/torch.h>\n")
  add_library(trireme_torch_pch OBJECT "${PROJECT_BINARY_DIR}/torch_pch.cc")
  trireme_compile_options(trireme_torch_pch)
  target_link_libraries(trireme_torch_pch PRIVATE trireme_torch)
  target_precompile_headers(trireme_torch_pch PRIVATE <torch/torch.h>)
  trireme_cache_precompiled(trireme_torch_pch)
endif()

# Makes `target` (a library, program or test that links trireme_torch) use the one precompiled header.
# GCC takes a precompiled header only under the code model it was made with, so programs are compiled with -fPIC too.
function(trireme_use_torch_pch target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM trireme_torch_pch)
  trireme_cache_precompiled(${target})
endfunction()

# Finds LibTorch and defines trireme_torch, with and without a CUDA toolkit; also installed and used by the package config.
#
# Where: TRIREME_TORCH_DIR (the folder that holds include/ and lib/, or one above it), where Trireme was built against it,
# else the torch package of python3. With a toolkit find_package(Torch) is used and the imported target `torch` linked;
# without one find_package(Torch) would demand it, so an imported target of our own names libtorch_cpu and libc10.
include_guard(GLOBAL)

set(TRIREME_TORCH_DIR "" CACHE PATH "Folder of LibTorch (holds include/ and lib/); empty: python3's torch package")

function(trireme_locate_torch result)
  set(candidates ${TRIREME_TORCH_DIR} ${TRIREME_TORCH_BUILT_WITH})
  find_program(TRIREME_PYTHON3 python3)
  mark_as_advanced(TRIREME_PYTHON3)
  if(TRIREME_PYTHON3)
    execute_process(
      COMMAND ${TRIREME_PYTHON3} -c
              "import importlib.util as u; s=u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE from_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND candidates ${from_python})
  endif()
  foreach(candidate IN LISTS candidates)
    foreach(root ${candidate} ${candidate}/torch)
      if(EXISTS "${root}/lib/libtorch_cpu.so" AND EXISTS "${root}/include/torch/csrc/api/include/torch/torch.h")
        set(${result} "${root}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
  message(FATAL_ERROR "LibTorch was not found (looked at: ${candidates}). Run scripts/setup, or pass "
                      "-DTRIREME_TORCH_DIR=DIR with DIR/lib/libtorch_cpu.so, or configure with -DTRIREME_BUILD_RUNTIME=OFF.")
endfunction()

# The nvidia-* wheels lie beside torch in site-packages; libtorch_cpu needs two of them even without a GPU.
function(trireme_nvidia_library_dirs torch_root result)
  file(GLOB dirs LIST_DIRECTORIES true "${torch_root}/../nvidia/*/lib")
  set(${result} ${dirs} PARENT_SCOPE)
endfunction()

if(NOT TARGET trireme_torch)
  trireme_locate_torch(trireme_torch_root)
  trireme_nvidia_library_dirs("${trireme_torch_root}" trireme_nvidia_dirs)
  add_library(trireme_torch INTERFACE IMPORTED GLOBAL)
  # First, because libtorch.so of CUDA builds exports an incomplete std::filesystem of its own, which crashes when bound.
  target_link_libraries(trireme_torch INTERFACE stdc++)
  if(TRIREME_HAVE_CUDA)
    if(NOT DEFINED TORCH_CUDA_ARCH_LIST)
      set(TORCH_CUDA_ARCH_LIST "8.0;9.0")
    endif()
    # Not by CMAKE_PREFIX_PATH: the torch folder holds a protoc of another version, which others would then find.
    set(Torch_DIR "${trireme_torch_root}/share/cmake/Torch")
    find_package(Torch REQUIRED)
    target_link_libraries(trireme_torch INTERFACE torch)
  else()
    set(includes "${trireme_torch_root}/include" "${trireme_torch_root}/include/torch/csrc/api/include")
    target_include_directories(trireme_torch SYSTEM INTERFACE ${includes})
    target_link_libraries(trireme_torch INTERFACE "${trireme_torch_root}/lib/libtorch_cpu.so"
                                                  "${trireme_torch_root}/lib/libc10.so")
  endif()
  foreach(dir "${trireme_torch_root}/lib" ${trireme_nvidia_dirs})
    target_link_options(trireme_torch INTERFACE "LINKER:-rpath,${dir}" "LINKER:-rpath-link,${dir}")
  endforeach()
  if(COMMAND trireme_note)
    trireme_note("LibTorch: ${trireme_torch_root}")
  endif()
endif()

# Finds gRPC's C++ library with its reflection, and the protobuf it was built with; defines Grpcpp::grpcpp.
#
# Asks pkg-config once: pkg_check_modules would ask twenty times, at half a second each for the hundred libraries below
# grpc++. Not by find_package(Protobuf): LibTorch's package defines targets of that name for a protobuf of its own.
find_package(PkgConfig QUIET)
find_library(GRPCPP_REFLECTION_LIBRARY grpc++_reflection)
if(PKG_CONFIG_EXECUTABLE AND NOT GRPCPP_FLAGS)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --cflags --libs grpc++ protobuf
                  OUTPUT_VARIABLE grpcpp_flags RESULT_VARIABLE grpcpp_result OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(grpcpp_result EQUAL 0)
    separate_arguments(grpcpp_flags UNIX_COMMAND "${grpcpp_flags}")
    set(GRPCPP_FLAGS "${grpcpp_flags}" CACHE STRING "What pkg-config says of grpc++ and protobuf")
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Grpcpp REQUIRED_VARS GRPCPP_FLAGS GRPCPP_REFLECTION_LIBRARY)
if(Grpcpp_FOUND AND NOT TARGET Grpcpp::grpcpp)
  set(options ${GRPCPP_FLAGS})
  set(libraries ${GRPCPP_FLAGS})
  set(folders ${GRPCPP_FLAGS})
  list(FILTER options EXCLUDE REGEX "^-([IlL]|Wl,)")
  list(FILTER folders INCLUDE REGEX "^-I")
  list(TRANSFORM folders REPLACE "^-I" "")
  list(FILTER libraries INCLUDE REGEX "^-[lL]")
  list(REMOVE_DUPLICATES libraries)
  add_library(Grpcpp::grpcpp INTERFACE IMPORTED GLOBAL)
  target_compile_options(Grpcpp::grpcpp INTERFACE ${options})
  target_include_directories(Grpcpp::grpcpp SYSTEM INTERFACE ${folders})
  # Only those that are called: each that is loaded costs every start of a program.
  target_link_libraries(Grpcpp::grpcpp INTERFACE -Wl,--push-state,--as-needed ${GRPCPP_REFLECTION_LIBRARY} ${libraries}
                                                 -Wl,--pop-state)
endif()
mark_as_advanced(GRPCPP_FLAGS GRPCPP_REFLECTION_LIBRARY)

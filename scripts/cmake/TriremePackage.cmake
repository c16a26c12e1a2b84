# Installs the package config, so that find_package(trireme CONFIG COMPONENTS runtime) works from an installed prefix, a
# moved one and the build tree. One export set a component; the config finds each one's dependencies.
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/trireme)
get_property(components GLOBAL PROPERTY TRIREME_COMPONENTS)
list(REMOVE_DUPLICATES components)

foreach(component IN LISTS components)
  install(EXPORT trireme-${component} NAMESPACE trireme:: DESTINATION ${config_dir} COMPONENT ${component}
          FILE trireme-${component}-targets.cmake)
  export(EXPORT trireme-${component} NAMESPACE trireme:: FILE ${PROJECT_BINARY_DIR}/trireme-${component}-targets.cmake)
endforeach()

# The build tree knows which LibTorch it used; an installed package finds its own.
set(trireme_built_with_torch "${trireme_torch_root}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/trireme-config.cmake.in ${PROJECT_BINARY_DIR}/trireme-config.cmake @ONLY)
set(trireme_built_with_torch "")
configure_file(${CMAKE_CURRENT_LIST_DIR}/trireme-config.cmake.in
               ${PROJECT_BINARY_DIR}/install/trireme-config.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/trireme-config-version.cmake VERSION ${PROJECT_VERSION}
                                 COMPATIBILITY SameMinorVersion)
foreach(module TriremeTorch FindHwloc FindNCCL)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${module}.cmake ${PROJECT_BINARY_DIR}/${module}.cmake COPYONLY)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/${module}.cmake DESTINATION ${config_dir} COMPONENT base)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/install/trireme-config.cmake ${PROJECT_BINARY_DIR}/trireme-config-version.cmake
        DESTINATION ${config_dir} COMPONENT base)

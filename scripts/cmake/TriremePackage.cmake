# Installs the package config: one export set per component, found by find_package(trireme CONFIG COMPONENTS …).
include(CMakePackageConfigHelpers)

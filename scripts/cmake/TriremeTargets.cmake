# The three kinds of targets: libraries, programs, tests. All flags are set here, on targets.

function(trireme_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  # -Wno-restrict: GCC 12 warns of std::string's own memcpy where it inlines operator+ (GCC bug 105651).
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                           $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                           $<$<BOOL:${TRIREME_WERROR}>:-Werror>)
  if(CMAKE_UNITY_BUILD)
    # A type of a source may use what is private to that source; seen from a file that includes the source, it warns.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

function(trireme_sanitize target)
  if(TRIREME_SANITIZE)
    target_compile_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TRIREME_SANITIZE}>
                                            $<BUILD_INTERFACE:-fno-omit-frame-pointer>)
    target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TRIREME_SANITIZE}>)
  endif()
endfunction()

# trireme_library(NAME collectives HEADERS include/trireme/… SOURCES src/… PUBLIC trireme::base PRIVATE … COMPONENT collectives)
#
# Makes trireme_NAME with alias trireme::NAME. Public headers lie below include/, which is also the install path; private
# ones below src/. COMPONENT puts it into that install component's export set; without it nothing is installed.
function(trireme_library)
  cmake_parse_arguments(ARG "" "NAME;COMPONENT" "HEADERS;SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target trireme_${ARG_NAME})
  add_library(${target} ${ARG_SOURCES})
  add_library(trireme::${ARG_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME} VERIFY_INTERFACE_HEADER_SETS ON)
  trireme_compile_options(${target})
  trireme_sanitize(${target})
  if(ARG_HEADERS)
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${ARG_HEADERS})
  endif()
  target_include_directories(${target} PRIVATE src)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(ARG_COMPONENT)
    install(TARGETS ${target} EXPORT trireme-${ARG_COMPONENT}
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${ARG_COMPONENT}
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${ARG_COMPONENT}
            FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT ${ARG_COMPONENT})
    set_property(GLOBAL APPEND PROPERTY TRIREME_COMPONENTS ${ARG_COMPONENT})
  endif()
endfunction()

# trireme_program(NAME train_gpt2 SOURCES train.cc LINK trireme::runtime) puts the binary into <build>/bin.
function(trireme_program)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LINK" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  trireme_compile_options(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LINK})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# Labels the discovered tests of `target` when ctest reads them: gtest_discover_tests would split a list of labels and
# take all but the first for properties. Those whose name matches `processes` are labelled process too.
function(trireme_label_tests target labels processes)
  set(file "${CMAKE_CURRENT_BINARY_DIR}/${target}_labels.cmake")
  if(NOT processes)
    set(processes "^$")
  endif()
  file(WRITE "${file}" "foreach(test IN LISTS ${target}_TESTS)\n"
                       "  set(labels \"${labels}\")\n"
                       "  if(test MATCHES \"${processes}\")\n"
                       "    list(APPEND labels process)\n"
                       "  endif()\n"
                       "  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"\${labels}\")\n"
                       "endforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${file}")
endfunction()

# trireme_test(NAME base_store_test SOURCES … LINK … LABELS unit base [PROCESSES Processes] [TIMEOUT 60] [MAIN]): one
# GoogleTest binary, one CTest entry per TEST. PROCESSES: a regular expression; tests whose name matches run ranks as
# processes, which the thread sanitizer's preset leaves out. MAIN: the sources bring their own main().
function(trireme_test)
  cmake_parse_arguments(ARG "MAIN" "NAME;TIMEOUT;PROCESSES" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  trireme_compile_options(${ARG_NAME})
  if(ARG_MAIN)
    target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LINK} GTest::gtest GTest::gmock)
  else()
    target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  endif()
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  # Ranks are threads here: with a team of LibTorch's for each they would stand in each other's way.
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT OMP_NUM_THREADS=1)
  trireme_label_tests(${ARG_NAME} "${ARG_LABELS}" "${ARG_PROCESSES}")
endfunction()

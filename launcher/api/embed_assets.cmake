# Writes a C++ source that holds files: those of the dashboard,
#
#   cmake -D OUTPUT=assets_data.cc "-D ENTRIES=/=index.html;/assets/d3.min.js=/usr/share/…/d3.min.js" -P embed_assets.cmake
#
# or a single text, as what a function of HEADER returns:
#
#   cmake -D OUTPUT=text.cc -D TEXT=script.py -D HEADER=some/script.h -D FUNCTION=trireme::some::script -P embed_assets.cmake
#
# Each entry is URLPATH=FILE. The ETag is a digest of the bytes, so a browser keeps a file for as long as it is the same.
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

function(content_type file result)
  string(REGEX REPLACE ".*\\." "" extension "${file}")
  if(NOT DEFINED type_${extension})
    message(FATAL_ERROR "embed_assets.cmake knows no content type for ${file}")
  endif()
  set(${result} "${type_${extension}}" PARENT_SCOPE)
endfunction()

# The elements of an array that holds the file's bytes.
function(bytes_of file result)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(${result} "${bytes}" PARENT_SCOPE)
endfunction()

if(TEXT)
  bytes_of("${TEXT}" bytes)
  file(WRITE "${OUTPUT}" "// Made by embed_assets.cmake.
#include \"${HEADER}\"

static constexpr unsigned char kBytes[] = {
${bytes}
};

std::string_view ${FUNCTION}() { return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)}; }
")
  return()
endif()

set(arrays "")
set(rows "")
set(number 0)
foreach(entry IN LISTS ENTRIES)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${entry}")
  set(path "${CMAKE_MATCH_1}")
  set(file "${CMAKE_MATCH_2}")
  file(SHA256 "${file}" digest)
  string(SUBSTRING ${digest} 0 16 digest)
  content_type("${file}" type)
  bytes_of("${file}" bytes)
  string(APPEND arrays "constexpr unsigned char kBytes${number}[] = {\n${bytes}\n};\n")
  string(APPEND rows "    {\"${path}\", \"${type}\", \"\\\"${digest}\\\"\", as_text(kBytes${number})},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "// Made by embed_assets.cmake.
#include \"api/assets.h\"

namespace trireme::launcher {

namespace {

${arrays}
template <std::size_t N>
std::string_view as_text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

}  // namespace

std::span<const Asset> assets() {
  static const Asset all[] = {
${rows}  };
  return all;
}

}  // namespace trireme::launcher
")

#include "dask/pickle_writer.h"

#include <cstdint>
#include <cstring>

namespace trireme::launcher::dask {

namespace {

constexpr std::string_view kProtocol4 = "\x80\x04";
constexpr char kGlobal = 'c';
constexpr char kMark = '(';
constexpr char kTextOf4ByteLength = 'X';
constexpr std::string_view kTupleCallStop = "tR.";

void append_text(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  char length[sizeof size];
  std::memcpy(length, &size, sizeof size);
  out += kTextOf4ByteLength;
  out.append(length, sizeof length).append(text);
}

}  // namespace

std::string pickled_exception(std::string_view builtin_class, std::string_view text) {
  std::string out(kProtocol4);
  out += kGlobal;
  out.append("builtins\n").append(builtin_class).append("\n");
  out += kMark;
  append_text(out, text);
  return out.append(kTupleCallStop);
}

}  // namespace trireme::launcher::dask

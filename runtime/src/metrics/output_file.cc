#include "metrics/output_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

OutputFile::OutputFile(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "ae")) {
  if (!file_) throw DataError(message("{}: cannot open to append: {}", path_, std::strerror(errno)));
}

void OutputFile::append(std::string_view bytes) noexcept {
  if (file_ && std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) give_up();
}

void OutputFile::flush() noexcept {
  if (file_ && std::fflush(file_.get()) != 0) give_up();
}

void OutputFile::give_up() noexcept {
  std::fprintf(stderr, "trireme: %s: cannot write: %s; nothing more is written to it\n", path_.c_str(),
               std::strerror(errno));
  file_.reset();
}

}  // namespace trireme

#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace trireme {

// A file that figures are appended to. The constructor throws DataError naming the file; later write errors are told
// once on stderr and end the writing, because a full disk must not end a training run. One thread at a time.
class OutputFile {
 public:
  explicit OutputFile(std::string path);

  void append(std::string_view bytes) noexcept;
  void flush() noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  void give_up() noexcept;

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;  // null once a write failed
};

}  // namespace trireme

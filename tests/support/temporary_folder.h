#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace trireme::test {

// A folder of its own below the system's temporary one, removed with all it holds on destruction.
class TemporaryFolder {
 public:
  TemporaryFolder();
  explicit TemporaryFolder(const std::filesystem::path& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  // Writes `text` to a file below the folder, making the folders on the way. Returns its path.
  std::filesystem::path write(const std::filesystem::path& file, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace trireme::test

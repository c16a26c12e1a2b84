#pragma once

#include <filesystem>
#include <string>

// Files that only their owner may read.
namespace trireme::launcher {

// Replaces the file: a temporary one with mode 0600, synced and renamed. Throws DataError naming the file.
void write_private_file(const std::filesystem::path& file, const std::string& text);
// Throws DataError naming the file.
[[nodiscard]] std::string read_private_file(const std::filesystem::path& file);
// A secret as it stands in a file: without the line end. Throws DataError naming the file, also when it is empty.
[[nodiscard]] std::string read_secret_file(const std::filesystem::path& file);

}  // namespace trireme::launcher

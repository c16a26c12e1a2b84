#include "jobs/program.h"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/child_process.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace fs = std::filesystem;

namespace {

fs::path check_executable(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) throw ConfigError(message("program {} does not exist; check the path", path.string()));
  if (fs::is_directory(path, error))
    throw ConfigError(message("program {} is a folder; give the path of a file in it", path.string()));
  if (access(path.c_str(), X_OK) != 0) {
    throw ConfigError(message("program {} is not executable; run: chmod +x {}", path.string(), path.string()));
  }
  return path;
}

template <typename T>
bool read_at(std::ifstream& file, std::uint64_t offset, T& value) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(&value), sizeof(value));
  return file.good();
}

std::string read_text(std::ifstream& file, std::uint64_t offset, std::uint64_t size) {
  std::string text(std::min<std::uint64_t>(size, 4096), '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  return std::string(text.c_str());
}

}  // namespace

fs::path resolve_program(const std::string& program, const fs::path& working_directory, const std::string& path) {
  if (program.find('/') != std::string::npos) {
    return check_executable((working_directory / program).lexically_normal());
  }
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / program;
    std::error_code error;
    if (fs::is_regular_file(candidate, error) && access(candidate.c_str(), X_OK) == 0) {
      return fs::absolute(candidate).lexically_normal();
    }
  }
  if (fs::exists(working_directory / program)) {
    throw ConfigError(message("program {} is not on PATH; for the file in this folder write ./{}", program, program));
  }
  throw ConfigError(message("program {} was not found on PATH ({})", program, path));
}

std::optional<fs::path> elf_interpreter(const fs::path& program) {
  std::ifstream file(program, std::ios::binary);
  Elf64_Ehdr header{};
  if (!read_at(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return std::nullopt;
  for (int index = 0; index < header.e_phnum; ++index) {
    Elf64_Phdr segment{};
    if (!read_at(file, header.e_phoff + static_cast<std::uint64_t>(index) * header.e_phentsize, segment)) break;
    if (segment.p_type == PT_INTERP) return read_text(file, segment.p_offset, segment.p_filesz);
  }
  return std::nullopt;
}

bool loads_mpi(const fs::path& program) {
  const std::optional<fs::path> loader = elf_interpreter(program);
  if (!loader) return false;
  const CommandOutput output = run_command({loader->string(), "--list", program.string()});
  return output.code == 0 && output.standard_output.find("libmpi.so") != std::string::npos;
}

std::vector<LoadedLibrary> loaded_libraries(const fs::path& program) {
  const std::optional<fs::path> loader = elf_interpreter(program);
  if (!loader) return {};
  std::vector<LoadedLibrary> libraries;
  std::istringstream lines(run_command({loader->string(), "--list", program.string()}).standard_output);
  // "\tlibnccl.so.2 => /usr/local/cuda/lib64/libnccl.so.2 (0x00007f…)", or "=> not found"
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string arrow;
    std::string file;
    words >> name >> arrow >> file;
    if (arrow == "=>") libraries.push_back({name, file.starts_with('/') ? file : ""});
  }
  return libraries;
}

}  // namespace trireme::launcher

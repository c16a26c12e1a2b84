#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trireme::launcher {

// The absolute path of `program`: as a path from `working_directory` when it has a slash, else looked up on `path`
// (PATH's value). Throws ConfigError naming what was looked at when there is none, when it is a folder, or when it is
// not executable.
[[nodiscard]] std::filesystem::path resolve_program(const std::string& program,
                                                    const std::filesystem::path& working_directory,
                                                    const std::string& path);

// True when `program` is a dynamic ELF binary that loads libmpi, itself or through another library. Asks the program's
// own dynamic loader for the list, so search paths are the real ones; scripts and static binaries are not MPI programs.
[[nodiscard]] bool loads_mpi(const std::filesystem::path& program);

struct LoadedLibrary {
  std::string name;            // "libnccl.so.2"
  std::filesystem::path file;  // where the loader found it; empty: nowhere
};
// What the program's own dynamic loader would load with it. Empty for scripts, static binaries and what cannot be run.
[[nodiscard]] std::vector<LoadedLibrary> loaded_libraries(const std::filesystem::path& program);

// The dynamic loader named in an ELF binary's PT_INTERP; nullopt for anything else.
[[nodiscard]] std::optional<std::filesystem::path> elf_interpreter(const std::filesystem::path& program);

}  // namespace trireme::launcher

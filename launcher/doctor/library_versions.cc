#include "doctor/library_versions.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <memory>

#include "jobs/program.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct CloseLibrary {
  void operator()(void* library) const noexcept { dlclose(library); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

template <typename Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

// 13000 is 13.0
std::string cuda_version(void* library) {
  int version = 0;
  auto* ask = symbol<int(int*)>(library, "cudaRuntimeGetVersion");
  if (ask == nullptr || ask(&version) != 0) return {};
  return message("{}.{}", version / 1000, version % 1000 / 10);
}

// 91900 is 9.19.0
std::string cudnn_version(void* library) {
  auto* ask = symbol<std::size_t()>(library, "cudnnGetVersion");
  if (ask == nullptr) return {};
  const auto version = ask();
  return message("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

// 22809 is 2.28.9
std::string nccl_version(void* library) {
  int version = 0;
  auto* ask = symbol<int(int*)>(library, "ncclGetVersion");
  if (ask == nullptr || ask(&version) != 0) return {};
  return message("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

// "Open MPI v4.1.4, package: …" is 4.1.4
std::string mpi_version(void* library) {
  std::array<char, 8192> text{};
  int length = 0;
  auto* ask = symbol<int(char*, int*)>(library, "MPI_Get_library_version");
  if (ask == nullptr || ask(text.data(), &length) != 0) return {};
  const std::string all(text.data());
  const auto first = all.find(" v");
  return first == std::string::npos ? all.substr(0, all.find('\n')) : all.substr(first + 2, all.find(',') - first - 2);
}

struct Known {
  const char* name;
  const char* file;
  const char* built;
  std::string (*version)(void*);
};

constexpr std::array kLibraries = {
    Known{"CUDA runtime", "libcudart.so.13", TRIREME_BUILT_CUDA, cuda_version},
    Known{"cuDNN", "libcudnn.so.9", TRIREME_BUILT_CUDNN, cudnn_version},
    Known{"NCCL", "libnccl.so.2", TRIREME_BUILT_NCCL, nccl_version},
    Known{"MPI", "libmpi.so.40", TRIREME_BUILT_MPI, mpi_version},
};

std::string file_of(const Known& known, const std::string& program) {
  if (program.empty()) return known.file;
  const auto stem = std::string_view(known.file).substr(0, std::string_view(known.file).rfind('.'));
  for (const auto& library : loaded_libraries(program)) {
    if (library.name.starts_with(stem)) return library.file.string();
  }
  return {};
}

}  // namespace

std::vector<LibraryVersion> library_versions(const std::string& program) {
  std::vector<LibraryVersion> found;
  for (const auto& known : kLibraries) {
    LibraryVersion version{.name = known.name, .built = known.built, .where = file_of(known, program)};
    const Library library(
        version.where.empty() ? nullptr : dlopen(version.where.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE));
    if (library) version.loaded = known.version(library.get());
    found.push_back(std::move(version));
  }
  return found;
}

}  // namespace trireme::launcher

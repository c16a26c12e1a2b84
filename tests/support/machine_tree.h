#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "support/temporary_folder.h"

namespace trireme::test {

// Makes /proc, /sys, /dev and the other files of a machine below `root`, in the kernel's layout (class folders link
// into /sys/devices, functions to their drivers, virtual functions to their physical ones), from a short description.
// tests/topology/fixtures/README.md lists its keys. Throws std::runtime_error for a description that makes no sense.
void make_machine_tree(const nlohmann::json& description, const std::filesystem::path& root);

// A description of tests/topology/fixtures by name ("azure-nd96asr-v4"); comments are allowed in it.
[[nodiscard]] nlohmann::json machine_description(const std::string& name);

// A machine in a folder of its own, which is removed with it. In memory where the system has a folder for that: a big
// machine has thousands of files.
class MachineFolder {
 public:
  explicit MachineFolder(const nlohmann::json& description);
  explicit MachineFolder(const std::string& name);
  explicit MachineFolder(const char* name) : MachineFolder(std::string(name)) {}
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace trireme::test

#include "processors.h"

#include <algorithm>
#include <map>

#include "pseudo_files.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

std::string model_name(const fs::path& root) {
  for (const auto& line : read_lines(root / "proc/cpuinfo")) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(':');
    if (colon != std::string::npos) return std::string(trimmed(std::string_view(line).substr(colon + 1)));
  }
  return {};
}

// "32768K", "96M"
std::int64_t cache_bytes(const std::string& text) {
  const auto number = leading_number(text).value_or(0);
  if (text.ends_with('K')) return number << 10U;
  return text.ends_with('M') ? number << 20U : number;
}

void add_caches(const fs::path& cpu, std::vector<Cache>& caches) {
  for (const auto& folder : list_folder(cpu / "cache")) {
    if (!folder.filename().string().starts_with("index") || read_line(folder / "type") == "Instruction") continue;
    Cache cache{.level = static_cast<int>(leading_number(read_line(folder / "level")).value_or(0)),
                .bytes = cache_bytes(read_line(folder / "size")),
                .cores = parse_core_list(read_line(folder / "shared_cpu_list"))};
    if (cache.level >= 2 && std::ranges::find(caches, cache) == caches.end()) caches.push_back(std::move(cache));
  }
}

}  // namespace

Processors read_processors(const fs::path& root) {
  Processors found;
  std::map<int, std::vector<int>> by_package;
  const auto cpus = root / "sys/devices/system/cpu";
  for (const int core : parse_core_list(read_line(cpus / "online"))) {
    const auto cpu = cpus / ("cpu" + std::to_string(core));
    const auto package = leading_number(read_line(cpu / "topology/physical_package_id"));
    if (package) by_package[static_cast<int>(*package)].push_back(core);
    add_caches(cpu, found.caches);
  }
  const auto model = model_name(root);
  for (auto& [index, cores] : by_package) found.packages.push_back({index, model, std::move(cores)});
  std::ranges::stable_sort(found.caches, {}, &Cache::level);
  return found;
}

}  // namespace trireme::topology

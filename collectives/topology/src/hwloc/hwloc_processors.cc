#include <hwloc.h>

#include <memory>

#include "processors.h"

namespace trireme::topology {

namespace {

struct DestroyTopology {
  void operator()(hwloc_topology* topology) const noexcept { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

// Without input and output devices: those are read from /sys, and hwloc's plugins would load vendors' libraries.
Topology load(const std::string& synthetic) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Topology topology(raw);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  if (!synthetic.empty() && hwloc_topology_set_synthetic(raw, synthetic.c_str()) != 0) return nullptr;
  return hwloc_topology_load(raw) == 0 ? std::move(topology) : nullptr;
}

std::vector<int> cores_of(hwloc_obj_t object) {
  std::vector<int> cores;
  for (int core = hwloc_bitmap_first(object->cpuset); core >= 0; core = hwloc_bitmap_next(object->cpuset, core)) {
    cores.push_back(core);
  }
  return cores;
}

template <typename Visit>
void for_each(hwloc_topology_t topology, hwloc_obj_type_t type, const Visit& visit) {
  for (hwloc_obj_t object = nullptr; (object = hwloc_get_next_obj_by_type(topology, type, object)) != nullptr;) {
    visit(object);
  }
}

}  // namespace

std::optional<Processors> ask_hwloc(const std::string& synthetic) {
  const auto topology = load(synthetic);
  if (!topology) return std::nullopt;
  Processors found;
  for_each(topology.get(), HWLOC_OBJ_PACKAGE, [&](hwloc_obj_t package) {
    const char* model = hwloc_obj_get_info_by_name(package, "CPUModel");
    found.packages.push_back({static_cast<int>(package->os_index), model == nullptr ? "" : model, cores_of(package)});
  });
  for (const auto type : {HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE}) {
    for_each(topology.get(), type, [&](hwloc_obj_t cache) {
      found.caches.push_back({static_cast<int>(cache->attr->cache.depth),
                              static_cast<std::int64_t>(cache->attr->cache.size), cores_of(cache)});
    });
  }
  return found;
}

std::string hwloc_version() {
  const auto version = hwloc_get_api_version();
  return std::to_string(version >> 16U) + '.' + std::to_string(version >> 8U & 0xffU) + '.' +
         std::to_string(version & 0xffU);
}

}  // namespace trireme::topology

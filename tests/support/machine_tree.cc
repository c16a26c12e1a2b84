#include "support/machine_tree.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace trireme::test {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// "0-3,8" becomes {0, 1, 2, 3, 8}.
std::vector<int> expand(const std::string& list) {
  std::vector<int> cores;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const int first = std::stoi(part);
    const int last = dash == std::string::npos ? first : std::stoi(part.substr(dash + 1));
    for (int core = first; core <= last; ++core) cores.push_back(core);
  }
  return cores;
}

std::string with_index(std::string text, std::size_t index) {
  const auto mark = text.find('%');
  return mark == std::string::npos ? text : text.replace(mark, 1, std::to_string(index));
}

class Tree {
 public:
  Tree(const json& description, fs::path root) : given_(description), root_(std::move(root)) {}

  void make() {
    make_platform();
    make_processors();
    make_memory();
    for (const auto& group : given_.value("functions", json::array())) make_functions(group);
    for (const auto& nic : given_.value("vmbus", json::array())) make_vmbus_nic(nic);
    for (const auto& nic : given_.value("software", json::array())) make_software_nic(nic);
    make_links_between_nics();
    make_routes();
    const auto files = given_.value("files", std::map<std::string, std::string>{});
    for (const auto& [path, content] : files) write(path, content);
  }

 private:
  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << '\n';
  }
  // Both relative to the root; the link is relative to its folder, as the kernel's are.
  void link(const fs::path& from, const fs::path& to) const {
    fs::create_directories((root_ / from).parent_path());
    fs::create_directories(root_ / to);
    fs::create_symlink(to.lexically_relative(from.parent_path()), root_ / from);
  }
  [[nodiscard]] std::string text(const char* key) const { return given_.value(key, ""); }

  void make_platform() const {
    write("sys/class/dmi/id/sys_vendor", text("vendor"));
    write("sys/class/dmi/id/product_name", text("product"));
    write("sys/class/dmi/id/chassis_asset_tag", text("asset_tag"));
    write("proc/sys/kernel/osrelease", text("kernel"));
    write("proc/sys/kernel/hostname", text("hostname"));
    if (given_.contains("nvidia_driver")) write("proc/driver/nvidia/version", text("nvidia_driver"));
  }

  void make_processors() const {
    std::string cpuinfo;
    const auto& packages = given_.at("packages");
    for (std::size_t package = 0; package < packages.size(); ++package) {
      for (const int core : expand(packages[package])) {
        cpuinfo += "processor\t: " + std::to_string(core) + "\nmodel name\t: " + text("cpu") + "\nflags\t\t: fpu sse2" +
                   (given_.value("virtual", false) ? " hypervisor" : "") + "\n\n";
        write(cpu(core) / "topology/physical_package_id", std::to_string(package));
      }
    }
    write("proc/cpuinfo", cpuinfo);
    write("sys/devices/system/cpu/online", text("online"));
    for (const auto& cache : given_.value("caches", json::array())) {
      for (const auto& sharing : cache.at("cores")) make_cache(cache, sharing);
    }
  }
  static fs::path cpu(int core) { return "sys/devices/system/cpu/cpu" + std::to_string(core); }
  void make_cache(const json& cache, const std::string& sharing) const {
    for (const int core : expand(sharing)) {
      const auto folder = cpu(core) / ("cache/index" + std::to_string(cache.at("level").get<int>()));
      write(folder / "type", "Unified");
      write(folder / "level", std::to_string(cache.at("level").get<int>()));
      write(folder / "size", cache.at("size").get<std::string>());
      write(folder / "shared_cpu_list", sharing);
    }
  }

  void make_memory() const {
    const auto& nodes = given_.at("numa");
    const auto kib = given_.at("memory_gib").get<std::int64_t>() << 20U;
    write("proc/meminfo", "MemTotal:       " + std::to_string(kib) + " kB");
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      const fs::path folder = "sys/devices/system/node/node" + std::to_string(node);
      write(folder / "cpulist", nodes[node]);
      write(folder / "meminfo", "Node " + std::to_string(node) + " MemTotal:  " +
                                    std::to_string(kib / static_cast<std::int64_t>(nodes.size())) + " kB");
      if (given_.contains("distances")) write(folder / "distance", given_.at("distances")[node]);
    }
  }

  // One group of like functions; "at" holds "[bridges/]address[@numa]" for each.
  void make_functions(const json& group) {
    const auto& places = group.at("at");
    for (std::size_t index = 0; index < places.size(); ++index) make_function(group, places[index], index);
  }

  void make_function(const json& group, std::string place, std::size_t index) {
    std::string numa = "-1";
    if (const auto at = place.find('@'); at != std::string::npos) {
      numa = place.substr(at + 1);
      place.resize(at);
    }
    // Without bridges a function lies on a host bridge of its own domain and bus.
    if (place.find('/') == std::string::npos) place = "pci" + place.substr(0, place.rfind(':')) + "/" + place;
    const auto folder = "sys/devices" / fs::path(with_index(text("pci_parent"), functions_++)) / place;
    const auto address = folder.filename().string();
    make_bridges(folder.parent_path(), numa);
    make_pci_files(group, folder, numa);
    if (group.contains("gpu")) make_gpu(group, address);
    const auto parent = group.contains("virtio") ? folder / with_index(group.at("virtio"), index) : folder;
    if (group.contains("virtio")) link(parent / "driver", "sys/bus/virtio/drivers/virtio_net");
    if (group.contains("net")) make_netdev(group, with_index(group.at("net"), index), parent);
    if (group.contains("rdma")) make_rdma(group, with_index(group.at("rdma"), index), folder);
  }

  void make_bridges(const fs::path& above, const std::string& numa) {
    fs::path folder;
    for (const auto& part : above) {
      folder /= part;
      const auto name = part.string();
      const bool is_bridge = name.size() >= 12 && name.find('.') != std::string::npos && !name.starts_with("pci");
      if (!is_bridge || fs::exists(root_ / "sys/bus/pci/devices" / name)) continue;
      make_pci_files({{"id", "1000:c010"}, {"class", "060400"}, {"driver", "pcieport"}}, folder, numa);
    }
  }

  void make_pci_files(const json& group, const fs::path& folder, const std::string& numa) const {
    const auto id = group.at("id").get<std::string>();
    write(folder / "vendor", "0x" + id.substr(0, 4));
    write(folder / "device", "0x" + id.substr(5));
    write(folder / "class", "0x" + group.at("class").get<std::string>());
    write(folder / "numa_node", numa);
    write(folder / "current_link_speed", group.value("link_speed", "Unknown"));
    write(folder / "current_link_width", std::to_string(group.value("link_width", 0)));
    if (group.contains("most_virtual_functions")) {
      write(folder / "sriov_totalvfs", std::to_string(group.at("most_virtual_functions").get<int>()));
      write(folder / "sriov_numvfs", std::to_string(group.value("virtual_functions", 0)));
    }
    const auto driver = group.contains("virtio") ? "virtio-pci" : group.value("driver", "");
    if (!driver.empty()) link(folder / "driver", fs::path("sys/bus/pci/drivers") / driver);
    if (group.contains("iommu")) {
      const fs::path iommu = "sys/kernel/iommu_groups" / folder.filename();
      write(iommu / "type", group.at("iommu"));
      link(folder / "iommu_group", iommu);
    }
    if (group.contains("physical_function")) {
      const fs::path physical = "sys/bus/pci/devices" / fs::path(group.at("physical_function").get<std::string>());
      link(folder / "physfn", fs::relative(fs::canonical(root_ / physical), fs::canonical(root_)));
    }
    link(fs::path("sys/bus/pci/devices") / folder.filename(), folder);
  }

  void make_gpu(const json& group, const std::string& address) {
    if (!group.contains("driver") || group.at("driver") != "nvidia") return;
    const auto minor = std::to_string(gpus_++);
    write(fs::path("proc/driver/nvidia/gpus") / address / "information",
          "Model: \t\t " + group.at("gpu").get<std::string>() + "\nGPU UUID: \t GPU-" + minor + "\nDevice Minor: \t " +
              minor);
    write("dev/nvidia" + minor, "");
  }

  void make_netdev(const json& nic, const std::string& name, const fs::path& parent) {
    const auto folder = make_netdev_files(nic, name, parent / "net" / name);
    link(folder / "device", parent);
    if (nic.value("wireless", false)) fs::create_directories(root_ / folder / "wireless");
  }

  fs::path make_netdev_files(const json& nic, const std::string& name, const fs::path& folder) {
    write(folder / "type", std::to_string(nic.value("type", nic.value("layer", "") == "InfiniBand" ? 32 : 1)));
    write(folder / "mtu", std::to_string(nic.value("mtu", 1500)));
    write(folder / "speed", std::to_string(nic.value("speed", -1)));
    write(folder / "operstate", nic.value("operstate", "up"));
    write(folder / "address", nic.value("mac", "02:00:00:00:00:01"));
    link(fs::path("sys/class/net") / name, folder);
    if (nic.contains("master")) masters_.emplace_back(name, nic.at("master").get<std::string>());
    return folder;
  }

  void make_vmbus_nic(const json& nic) {
    const auto parent =
        "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/MSFT1000:00" / fs::path(nic.at("guid").get<std::string>());
    link(parent / "driver", "sys/bus/vmbus/drivers/hv_netvsc");
    make_netdev(nic, nic.at("net"), parent);
  }

  void make_software_nic(const json& nic) {
    const auto name = nic.at("net").get<std::string>();
    make_netdev_files(nic, name, fs::path("sys/devices/virtual/net") / name);
  }

  [[nodiscard]] fs::path netdev_folder(const std::string& name) const {
    const auto in_class = root_ / "sys/class/net" / name;
    if (!fs::exists(in_class)) throw std::runtime_error("master of a network interface does not exist: " + name);
    return fs::relative(fs::canonical(in_class), fs::canonical(root_));
  }
  void make_links_between_nics() const {
    for (const auto& [part, whole] : masters_) {
      link(netdev_folder(part) / "master", netdev_folder(whole));
      link(netdev_folder(part) / ("upper_" + whole), netdev_folder(whole));
      link(netdev_folder(whole) / ("lower_" + part), netdev_folder(part));
    }
  }

  void make_rdma(const json& group, const std::string& name, const fs::path& parent) const {
    const auto folder = parent / "infiniband" / name;
    const auto port = folder / "ports/1";
    write(port / "link_layer", group.at("layer"));
    write(port / "state", group.value("state", "4: ACTIVE"));
    write(port / "rate", group.at("rate"));
    const auto keys = group.value("pkeys", std::vector<std::string>{"0xffff"});
    for (std::size_t entry = 0; entry < keys.size(); ++entry)
      write(port / "pkeys" / std::to_string(entry), keys[entry]);
    link(folder / "device", parent);
    link(fs::path("sys/class/infiniband") / name, folder);
  }

  // "eth0 10.0.0.0/24", "eth0 0.0.0.0/0"
  void make_routes() const {
    std::string lines = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
    for (const auto& route : given_.value("routes", std::vector<std::string>{})) {
      char interface[32];
      unsigned a = 0, b = 0, c = 0, d = 0, length = 0;
      if (std::sscanf(route.c_str(), "%31s %u.%u.%u.%u/%u", interface, &a, &b, &c, &d, &length) != 6) {
        throw std::runtime_error("no route: " + route);
      }
      const auto mask = length == 0 ? 0U : ~0U << (32U - length);
      const auto swapped = (mask & 0xffU) << 24U | (mask & 0xff00U) << 8U | (mask & 0xff0000U) >> 8U | mask >> 24U;
      char line[128];
      std::snprintf(line, sizeof(line), "%s\t%08X\t00000000\t0001\t0\t0\t0\t%08X\t0\t0\t0\n", interface,
                    d << 24U | c << 16U | b << 8U | a, swapped);
      lines += line;
    }
    write("proc/net/route", lines);
  }

  const json& given_;
  const fs::path root_;
  std::size_t functions_ = 0;
  int gpus_ = 0;
  std::vector<std::pair<std::string, std::string>> masters_;
};

}  // namespace

void make_machine_tree(const json& description, const fs::path& root) {
  fs::create_directories(root);
  Tree(description, root).make();
}

json machine_description(const std::string& name) {
  const auto file = fs::path(TRIREME_FIXTURE_FOLDER) / (name + ".json");
  std::ifstream in(file);
  if (!in) throw std::runtime_error("no such machine: " + file.string());
  return json::parse(in, nullptr, true, true);
}

MachineFolder::MachineFolder(const json& description)
    : folder_(fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) {
  make_machine_tree(description, folder_.path());
}

MachineFolder::MachineFolder(const std::string& name) : MachineFolder(machine_description(name)) {}

}  // namespace trireme::test

#include "topo/machine_svg.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "topo/device_tree.h"
#include "topo/machine_text.h"
#include "topo/svg_canvas.h"

namespace trireme::launcher {

namespace {

using topology::Machine;

constexpr double kWidth = 1240;
constexpr double kMargin = 32;
constexpr double kGap = 16;
constexpr double kPad = 16;
constexpr double kChipHeight = 44;
constexpr double kRow = kChipHeight + 8;
constexpr double kCore = 9;
constexpr double kCoreStep = kCore + 3;

// Devices that are drawn together: below one bridge, or those without.
struct Group {
  std::string bridge;
  std::vector<ShownDevice> gpus;
  std::vector<ShownDevice> adapters;
  [[nodiscard]] std::size_t rows() const { return std::max(gpus.size(), adapters.size()); }
};

void collect(const TreeNode& node, Group& group) {
  if (node.device.gpu != nullptr) group.gpus.push_back(node.device);
  if (node.device.rdma != nullptr) group.adapters.push_back(node.device);
  for (const auto& child : node.children) collect(child, group);
}

std::vector<Group> groups_of(const Machine& machine, std::optional<int> numa_node) {
  std::vector<Group> groups;
  Group loose;
  for (const auto& child : device_tree(machine, numa_node).children) {
    Group group{.bridge = child.bridge};
    collect(child, group);
    if (group.rows() == 0) continue;
    if (group.bridge.empty()) {
      collect(child, loose);
    } else {
      groups.push_back(std::move(group));
    }
  }
  if (loose.rows() > 0) groups.insert(groups.begin(), std::move(loose));
  return groups;
}

struct Card {
  std::string title;
  std::string subtitle;
  std::vector<std::vector<int>> cores;  // by last cache
  std::vector<Group> groups;
};

std::vector<std::vector<int>> cores_by_cache(const Machine& machine, const topology::NumaNode& node) {
  std::vector<std::vector<int>> parts;
  int last_level = 0;
  for (const auto& cache : machine.caches) last_level = std::max(last_level, cache.level);
  std::vector<int> left = node.cores;
  for (const auto& cache : machine.caches) {
    if (cache.level != last_level) continue;
    std::vector<int> part;
    for (const int core : cache.cores) {
      const auto found = std::ranges::find(left, core);
      if (found == left.end()) continue;
      part.push_back(core);
      left.erase(found);
    }
    if (!part.empty()) parts.push_back(std::move(part));
  }
  if (!left.empty()) parts.push_back(std::move(left));
  return parts;
}

std::vector<Card> cards_of(const Machine& machine) {
  std::vector<Card> cards;
  for (const auto& node : machine.host.numa_nodes) {
    cards.push_back({fmt::format("NUMA {}", node.index),
                     fmt::format("cores {} · {}", core_list(node.cores), gibibytes(node.memory_bytes)),
                     cores_by_cache(machine, node), groups_of(machine, node.index)});
  }
  auto homeless = groups_of(machine, std::nullopt);
  if (!homeless.empty())
    cards.push_back({"NUMA node not known", "the kernel does not say where these are", {}, homeless});
  return cards;
}

const char* line_style(topology::Distance distance) {
  switch (distance) {
    case topology::Distance::kOneBridge:
    case topology::Distance::kBridges:
    case topology::Distance::kHostBridge:
      return "near";
    case topology::Distance::kNode:
      return "node";
    case topology::Distance::kSystem:
      return "far";
    case topology::Distance::kUnknown:
      break;
  }
  return "unknown";
}

// The words of a title are two blanks apart.
std::string with_dots(std::string text) {
  for (std::size_t at = 0; (at = text.find("  ", at)) != std::string::npos; at += 3) text.replace(at, 2, " · ");
  return text;
}

const char* chip_style(const topology::Nic& nic) {
  if (nic.kind == topology::NicKind::kParavirtual) return "paravirtual";
  return nic.kind == topology::NicKind::kVirtualFunction ? "virtual" : "physical";
}

class Picture {
 public:
  Picture(const Machine& machine, const RankPlan& plan) : machine_(machine), plan_(plan) {}

  std::string draw() {
    double y = draw_head(kMargin + 22);
    y = draw_network(y);
    y = draw_cards(y);
    draw_lines();
    y = draw_settings(y);
    y = draw_legend(y);
    return canvas_.document(kWidth, y + kMargin - kGap, machine_title(machine_));
  }

 private:
  double draw_head(double y) {
    canvas_.text(kMargin, y, "t1", machine_.host.hostname.empty() ? "this machine" : machine_.host.hostname);
    const auto title = machine_title(machine_);
    const auto rest = title.find("  ");
    canvas_.text(kMargin, y + 24, "t2", rest == title.npos ? "" : with_dots(title.substr(rest + 2)));
    draw_figures(y + 6);
    return y + 48;
  }

  // The figures that matter, from the right.
  void draw_figures(double y) {
    std::vector<std::pair<std::string, std::string>> figures = {{std::to_string(machine_.host.cores), "cores"},
                                                                {gibibytes(machine_.host.memory_bytes), "memory"}};
    if (!machine_.gpus.gpus.empty()) figures.emplace_back(std::to_string(machine_.gpus.gpus.size()), "GPUs");
    const auto& devices = plan_.devices.front();
    if (!devices.all.empty()) {
      int rate = 0;
      for (const auto& device : machine_.rdma) {
        if (std::ranges::find(devices.all, device.name) != devices.all.end()) rate += device.gigabits;
      }
      figures.emplace_back(std::to_string(rate), fmt::format("Gbit/s {}", to_string(devices.fabric)));
    }
    double x = kWidth - kMargin;
    for (auto figure = figures.rbegin(); figure != figures.rend(); ++figure) {
      x -= std::max(text_width(figure->first, 22), text_width(figure->second, 11)) + 28;
      canvas_.text(x + 20, y, "n", figure->first);
      canvas_.text(x + 20, y + 18, "s", figure->second);
    }
  }

  double draw_network(double y) {
    std::vector<const topology::Nic*> shown;
    for (const auto& nic : machine_.nics) {
      const bool is_whole = nic.master.empty() && nic.link_layer == "Ethernet";
      if (is_whole && (nic.kind != topology::NicKind::kSoftware || !parts_of(machine_, nic).empty()))
        shown.push_back(&nic);
    }
    if (shown.empty()) return y;
    constexpr double kChip = 280;
    constexpr int kInRow = 4;
    const auto rows = static_cast<double>((shown.size() + kInRow - 1) / kInRow);
    const bool has_parts =
        std::ranges::any_of(shown, [&](const auto* nic) { return !parts_of(machine_, *nic).empty(); });
    const double step = kChipHeight + (has_parts ? kChipHeight + 18 : 0) + 10;
    const double height = 40 + rows * step + 6;
    canvas_.box({kMargin, y, kWidth - 2 * kMargin, height}, "card", 14);
    canvas_.text(kMargin + kPad, y + 24, "h", "Ethernet");
    canvas_.text(kMargin + kPad + 76, y + 24, "s",
                 (plan_.interface.name.empty() ? "" : plan_.interface.name + ": ") + plan_.interface.reason,
                 kWidth - 2 * kMargin - 110);
    for (std::size_t index = 0; index < shown.size(); ++index) {
      const double x = kMargin + kPad + static_cast<double>(index % kInRow) * (kChip + 8);
      draw_nic({x, y + 38 + static_cast<double>(index / kInRow) * step, kChip, kChipHeight}, *shown[index]);
    }
    return y + height + kGap;
  }

  void draw_nic(const Box& box, const topology::Nic& nic) {
    draw_chip(box, chip_style(nic), nic.name, detail_of(nic));
    if (nic.name == plan_.interface.name) draw_badge(box, "sockets");
    const auto parts = parts_of(machine_, nic);
    if (parts.empty()) return;
    // Further parts of a bond look the same.
    const Box below{box.x + 18, box.y + kChipHeight + 14, box.width - 18, kChipHeight};
    draw_chip(below, chip_style(*parts.front()), parts.front()->name, detail_of(*parts.front()));
    canvas_.curve(box.x + 8, box.y + kChipHeight, box.x + 18, below.y + kChipHeight / 2, "part");
  }

  static std::string detail_of(const topology::Nic& nic) {
    std::string text = nic.model.empty() ? nic.driver : nic.model;
    if (const auto rate = link_rate(nic.megabits); !rate.empty()) text += " · " + rate;
    return nic.is_up ? text : text + " · down";
  }

  void draw_chip(const Box& box, std::string_view style, std::string_view name, std::string_view detail) {
    canvas_.box(box, style, 8);
    canvas_.text(box.x + 10, box.y + 18, "b", name, box.width - 16);
    canvas_.text(box.x + 10, box.y + 34, "s", detail, box.width - 16);
  }

  void draw_badge(const Box& on, std::string_view text) {
    const double width = text_width(text, 10.5) + 14;
    canvas_.box({on.x + on.width - width - 6, on.y + 6, width, 17}, "badge", 8);
    canvas_.text(on.x + on.width - width + 1, on.y + 18, "w", text);
  }

  double draw_cards(double y) {
    const auto cards = cards_of(machine_);
    const std::size_t columns = std::min<std::size_t>(cards.size(), cards.size() == 3 ? 3 : 4);
    const double width =
        (kWidth - 2 * kMargin - kGap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
    for (std::size_t first = 0; first < cards.size(); first += columns) {
      double height = 0;
      const auto end = std::min(cards.size(), first + columns);
      for (std::size_t index = first; index < end; ++index) height = std::max(height, height_of(cards[index], width));
      for (std::size_t index = first; index < end; ++index) {
        draw_card({kMargin + static_cast<double>(index - first) * (width + kGap), y, width, height}, cards[index]);
      }
      y += height + kGap;
    }
    return y;
  }

  static double cores_height(const Card& card, double width) {
    if (card.cores.empty()) return 0;
    double y = kCoreStep;
    double x = 0;
    for (const auto& part : card.cores) place_part(part, width - 2 * kPad, x, y);
    return y + 10;
  }

  // Moves on past one cache's cores; wraps where the card ends.
  static void place_part(const std::vector<int>& part, double width, double& x, double& y) {
    for (std::size_t core = 0; core < part.size(); ++core) {
      if (x + kCore > width) {
        x = 0;
        y += kCoreStep;
      }
      x += kCoreStep;
    }
    x += 5;
  }

  static double height_of(const Card& card, double width) {
    double height = 58 + cores_height(card, width);
    for (const auto& group : card.groups) {
      height += static_cast<double>(group.rows()) * kRow + (group.bridge.empty() ? 0 : 34);
    }
    return height + 8;
  }

  void draw_card(const Box& box, const Card& card) {
    canvas_.box(box, "card", 14);
    canvas_.text(box.x + kPad, box.y + 25, "h", card.title);
    canvas_.text(box.x + kPad, box.y + 43, "s", card.subtitle, box.width - 2 * kPad);
    draw_cores(box, card);
    double y = box.y + 58 + cores_height(card, box.width);
    for (const auto& group : card.groups) y = draw_group(box, group, y);
  }

  void draw_cores(const Box& box, const Card& card) {
    double x = 0;
    double y = 0;
    for (std::size_t index = 0; index < card.cores.size(); ++index) {
      for (std::size_t core = 0; core < card.cores[index].size(); ++core) {
        if (x + kCore > box.width - 2 * kPad) {
          x = 0;
          y += kCoreStep;
        }
        canvas_.box({box.x + kPad + x, box.y + 54 + y, kCore, kCore}, index % 2 == 0 ? "core" : "core1", 2);
        x += kCoreStep;
      }
      x += 5;
    }
  }

  double draw_group(const Box& card, const Group& group, double y) {
    const double height = static_cast<double>(group.rows()) * kRow;
    double inside = kPad;
    if (!group.bridge.empty()) {
      canvas_.box({card.x + 8, y, card.width - 16, height + 26}, "switch", 10);
      canvas_.text(card.x + kPad, y + 15, "s",
                   (group.bridge.starts_with("pci") ? "host bridge " : "PCI switch ") + group.bridge);
      y += 22;
    }
    const double both = std::min(440.0, card.width - 2 * inside - 34);
    draw_column(group.gpus, card.x + inside, y, both * 0.55, height);
    draw_column(group.adapters, card.x + card.width - inside - both * 0.45, y, both * 0.45, height);
    return y + height + (group.bridge.empty() ? 0 : 12);
  }

  void draw_column(const std::vector<ShownDevice>& devices, double x, double y, double width, double height) {
    if (devices.empty()) return;
    const double step = height / static_cast<double>(devices.size());
    for (const auto& device : devices) {
      const Box box{x, y + (step - kChipHeight) / 2, width, kChipHeight};
      if (device.gpu != nullptr) {
        draw_gpu(box, device);
      } else {
        draw_adapter(box, *device.rdma);
      }
      y += step;
    }
  }

  void draw_gpu(const Box& box, const ShownDevice& device) {
    const auto name = fmt::format("GPU {} {}", device.gpu_index, gpu_capability(machine_, *device.gpu));
    draw_chip(box, device.gpu->is_usable() ? "gpu" : "gpuless", name, gpu_name(machine_, *device.gpu));
    gpus_[static_cast<int>(device.gpu_index)] = box;
  }

  void draw_adapter(const Box& box, const topology::RdmaDevice& device) {
    const auto& used = plan_.devices.front().all;
    const bool is_used = std::ranges::find(used, device.name) != used.end();
    draw_chip(box, is_used ? "adapter" : "idle", device.name,
              fmt::format("{} Gbit/s{}", device.gigabits, device.is_active ? "" : " · not active"));
    adapters_[device.name] = box;
  }

  void draw_lines() {
    for (const auto& devices : plan_.devices) {
      if (!devices.gpu || devices.nearest.empty()) continue;
      const auto gpu = gpus_.find(*devices.gpu);
      const auto adapter = adapters_.find(devices.nearest.front());
      if (gpu == gpus_.end() || adapter == adapters_.end()) continue;
      const auto& from = gpu->second;
      const auto& to = adapter->second;
      canvas_.curve(from.x + from.width, from.y + from.height / 2, to.x, to.y + to.height / 2,
                    line_style(devices.distance));
    }
  }

  double draw_settings(double y) {
    const auto planned = planned_settings(plan_);
    if (planned.empty()) return y;
    constexpr double kLine = 19;
    const auto lines = static_cast<double>((planned.size() + 1) / 2);
    canvas_.box({kMargin, y, kWidth - 2 * kMargin, 44 + lines * kLine + 8}, "card", 14);
    canvas_.text(kMargin + kPad, y + 25, "h", "Settings");
    canvas_.text(kMargin + kPad + 76, y + 25, "s", "for a run over several nodes, unless set by the user");
    const double half = (kWidth - 2 * kMargin - 2 * kPad) / 2;
    for (std::size_t index = 0; index < planned.size(); ++index) {
      const bool is_left = index < static_cast<std::size_t>(lines);
      const auto row = static_cast<double>(is_left ? index : index - static_cast<std::size_t>(lines));
      const auto& [setting, differs] = planned[index];
      canvas_.text(kMargin + kPad + (is_left ? 0 : half), y + 48 + row * kLine, "m",
                   fmt::format("{}={}{}", setting.name, setting.value, differs ? "  (rank 0)" : ""), half - 16);
    }
    return y + 44 + lines * kLine + 8 + kGap;
  }

  double draw_legend(double y) {
    double x = kMargin;
    const auto entry = [&](const char* style, bool is_line, std::string_view text) {
      if (is_line) {
        canvas_.curve(x, y + 7, x + 24, y + 7, style);
      } else {
        canvas_.box({x + 6, y + 1, 18, 12}, style, 3);
      }
      canvas_.text(x + 30, y + 11, "s", text);
      x += 30 + text_width(text, 11) + 18;
    };
    const bool has_lines = !plan_.devices.front().nearest.empty() && plan_.devices.front().gpu;
    if (has_lines) {
      entry("near", true, "GPU to its adapter: one PCI tree");
      entry("node", true, "one NUMA node");
      entry("far", true, "across nodes");
    }
    entry("paravirtual", false, "paravirtual");
    entry("virtual", false, "virtual function");
    entry("physical", false, "physical function");
    entry("core1", false, "cores, shaded by last cache");
    return y + 14 + kGap;
  }

  const Machine& machine_;
  const RankPlan& plan_;
  SvgCanvas canvas_;
  std::map<int, Box> gpus_;
  std::map<std::string, Box> adapters_;
};

}  // namespace

std::string machine_svg(const Machine& machine, const RankPlan& plan) { return Picture(machine, plan).draw(); }

}  // namespace trireme::launcher

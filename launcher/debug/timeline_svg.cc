#include "debug/timeline.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "debug/duration.h"

// SVG by hand: rectangles and a few words need no library.
namespace trireme::launcher {

namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 150;
constexpr double kRight = 20;
constexpr double kTop = 56;
constexpr double kRow = 28;
constexpr double kBar = 16;
constexpr double kBottom = 64;

const char* color_of(const std::string& kind) {
  static const std::map<std::string, const char*> kColors = {
      {"all_reduce", "#3b6fb6"}, {"reduce_scatter", "#2a9d8f"}, {"all_gather", "#7a9e3a"}, {"broadcast", "#8e6bbf"},
      {"barrier", "#8a8f98"},    {"reduce", "#4a90c2"},         {"gather", "#a3b846"},     {"scatter", "#b07ac4"},
      {"all_to_all", "#c98f2e"}, {"send", "#5c7080"},           {"receive", "#94a4b0"},    {"allocate", "#b9bec6"}};
  const auto found = kColors.find(kind);
  return found == kColors.end() ? "#b9bec6" : found->second;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : text) {
    if (character == '<') {
      result += "&lt;";
    } else if (character == '&') {
      result += "&amp;";
    } else if (static_cast<unsigned char>(character) >= 0x20) {
      result += character;
    }
  }
  return result;
}

double x_of(double place) { return kLeft + place * (kWidth - kLeft - kRight); }
double y_of(std::size_t row) { return kTop + kRow * static_cast<double>(row); }

std::string words(double x, double y, const std::string& text, const char* attributes = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, attributes, escaped(text));
}

std::string bar(const Timeline::Bar& bar, double y) {
  constexpr double kNarrowest = 1.2;
  const double from = x_of(bar.from);
  const double width = std::max(x_of(bar.to) - from, kNarrowest);
  const auto fill = bar.is_unfinished ? std::string("url(#unfinished)") : std::string(color_of(bar.kind));
  const auto stroke = bar.is_unfinished ? " stroke=\"#c0392b\"" : "";
  return fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{}\" rx=\"1\" fill=\"{}\"{}>"
      "<title>{}</title></rect>\n",
      from, y, width, kBar, fill, stroke, escaped(bar.title));
}

std::string row(const Timeline::Row& row, std::size_t index) {
  const double y = y_of(index);
  auto svg = words(kLeft - 10, y + kBar - 4, row.label, " text-anchor=\"end\"");
  svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill=\"#f1f3f5\"/>\n", x_of(0), y,
                     x_of(row.note.empty() ? row.end : 1) - x_of(0), kBar);
  if (!row.note.empty()) svg += words(x_of(0) + 6, y + kBar - 4, row.note, " fill=\"#c0392b\"");
  for (const bool unfinished : {false, true}) {
    for (const auto& each : row.bars) {
      if (each.is_unfinished == unfinished) svg += bar(each, y);
    }
  }
  return svg;
}

// The colors that occur, in a line below the rows.
std::string legend(const Timeline& timeline, double y) {
  std::map<std::string, bool> kinds;
  bool any_unfinished = false;
  for (const auto& each : timeline.rows) {
    for (const auto& operation : each.bars) {
      any_unfinished |= operation.is_unfinished;
      if (!operation.is_unfinished) kinds[operation.kind] = true;
    }
  }
  double x = x_of(0);
  std::string svg;
  const auto add = [&](const std::string& label, const std::string& fill) {
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n", x, y - 10, fill);
    svg += words(x + 17, y, label);
    x += 30 + 7 * static_cast<double>(label.size());
  };
  for (const auto& [kind, present] : kinds) add(kind, color_of(kind));
  if (any_unfinished) add("never ended", "url(#unfinished)");
  return svg;
}

std::string axis(const Timeline& timeline, double y) {
  const double history_end = timeline.break_at.value_or(1);
  auto svg = words(x_of(history_end / 2), y, format_duration_ns(timeline.history_ns), " text-anchor=\"middle\"");
  if (!timeline.break_at) return svg;
  const double x = x_of(*timeline.break_at);
  svg += fmt::format(
      "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2:.1f}\" stroke=\"#333\" stroke-dasharray=\"3 3\"/>\n", x,
      kTop - 8, y - 14);
  return svg + words(x_of((1 + *timeline.break_at) / 2), y, "waited " + format_duration_ns(timeline.wait_ns),
                     " text-anchor=\"middle\" fill=\"#c0392b\"");
}

}  // namespace

std::string draw_svg(const Timeline& timeline, const std::string& title) {
  const double bottom = y_of(timeline.rows.size());
  auto svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" height=\"{1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      "<defs><pattern id=\"unfinished\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
      "patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#f5c6c0\"/>"
      "<rect width=\"3\" height=\"6\" fill=\"#c0392b\"/></pattern></defs>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kWidth, bottom + kBottom);
  svg += words(20, 28, title, " font-size=\"15\" font-weight=\"bold\"");
  for (std::size_t index = 0; index < timeline.rows.size(); ++index) svg += row(timeline.rows[index], index);
  return svg + axis(timeline, bottom + 14) + legend(timeline, bottom + 44) + "</svg>\n";
}

}  // namespace trireme::launcher

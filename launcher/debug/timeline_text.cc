#include "debug/timeline.h"

#include <algorithm>

#include <fmt/format.h>

#include "debug/duration.h"

namespace trireme::launcher {

namespace {

std::size_t column_of(double place, std::size_t width) {
  return std::min(width - 1, static_cast<std::size_t>(place * static_cast<double>(width)));
}

std::string line_of(const Timeline::Row& row, const Timeline& timeline, std::size_t width) {
  if (!row.note.empty()) return row.note;
  std::string line(width, ' ');
  std::fill_n(line.begin(), column_of(row.end, width) + 1, '.');
  // The unfinished ones last: they show whatever shares their columns.
  for (const bool unfinished : {false, true}) {
    for (const auto& bar : row.bars) {
      if (bar.is_unfinished != unfinished) continue;
      const auto from = column_of(bar.from, width);
      std::fill_n(line.begin() + static_cast<std::ptrdiff_t>(from), column_of(bar.to, width) - from + 1,
                  unfinished ? '!' : '=');
    }
  }
  if (timeline.break_at) line[column_of(*timeline.break_at, width)] = '/';
  return line;
}

std::string legend(const Timeline& timeline) {
  auto text = fmt::format("= in an operation, . outside, ! in one that never ended; {}",
                          format_duration_ns(timeline.history_ns));
  if (timeline.break_at) text += fmt::format(" before the /, then a wait of {}", format_duration_ns(timeline.wait_ns));
  return text;
}

}  // namespace

std::string draw_text(const Timeline& timeline, std::size_t width) {
  std::size_t label_width = 0;
  for (const auto& row : timeline.rows) label_width = std::max(label_width, row.label.size());
  std::string text;
  for (const auto& row : timeline.rows) {
    text += fmt::format("  {:<{}}  {}\n", row.label, label_width, line_of(row, timeline, width));
  }
  return text + "  " + legend(timeline) + "\n";
}

}  // namespace trireme::launcher

#include <array>
#include <cmath>
#include <cstdio>

#include "trireme/runtime/metrics.h"

namespace trireme {
namespace {

using std::chrono::steady_clock;
constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

struct Figure {
  const char* name;
  const char* format;
};
// In the order of the line.
constexpr std::array<Figure, 6> kFigures{{{"loss", "  loss %.3f"},
                                          {"val_loss", "  val %.3f"},
                                          {"tokens_per_s", "  %.0f tok/s"},
                                          {"step_ms", "  %.1f ms/step"},
                                          {"exposed_comm_ms", "  comm %.1f ms"},
                                          {"mfu", "  mfu %.2f"}}};

std::string number(const char* format, double value) {
  std::array<char, 64> text{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(text.data(), text.size(), format, value);
#pragma GCC diagnostic pop
  return text.data();
}

// "1:33" or "2:05:10".
std::string clock_text(std::chrono::duration<double> time) {
  const auto seconds = static_cast<long>(std::lround(time.count()));
  std::array<char, 64> text{};
  if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%ld:%02ld", seconds / 60, seconds % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  return text.data();
}

}  // namespace

std::string progress_text(std::int64_t step, std::int64_t total_steps, const MetricValues& values,
                          std::chrono::duration<double> remaining) {
  std::string text = "step " + std::to_string(step);
  if (total_steps > 0) text += "/" + std::to_string(total_steps);
  for (const Figure& figure : kFigures) {
    const auto found = values.find(figure.name);
    if (found != values.end()) text += number(figure.format, found->second);
  }
  if (remaining.count() > 0) text += "  ETA " + clock_text(remaining);
  return text;
}

ProgressLine::ProgressLine(const ProgressOptions& options) : options_(options) {}

ProgressLine::~ProgressLine() {
  if (open_width_ > 0) std::fputc('\n', options_.out);
  std::fflush(options_.out);
}

void ProgressLine::step(std::int64_t step, const MetricValues& values, std::chrono::duration<double> remaining) {
  const bool is_edge = step <= 1 || step == options_.total_steps;
  const auto now = steady_clock::now();
  const bool is_due = options_.is_terminal ? now - last_shown_ >= kRedrawInterval
                                           : options_.every_steps > 0 && step % options_.every_steps == 0;
  if (!is_due && !is_edge) return;
  last_shown_ = now;

  const std::string text = progress_text(step, options_.total_steps, values, remaining);
  if (options_.is_terminal) {
    std::fprintf(options_.out, "\r%-*s", static_cast<int>(open_width_), text.c_str());
    open_width_ = text.size();
  } else {
    std::fprintf(options_.out, "%s\n", text.c_str());
  }
  std::fflush(options_.out);
}

void ProgressLine::note(std::string_view text) {
  if (open_width_ > 0) std::fputc('\n', options_.out);
  open_width_ = 0;
  std::fprintf(options_.out, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(options_.out);
}

}  // namespace trireme

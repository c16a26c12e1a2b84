#include "doctor/finding.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trireme::launcher {

namespace {

constexpr std::size_t kTitleWidth = 24;

const char* mark_of(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok   ";
    case Severity::kNote:
      return "note ";
    case Severity::kWarning:
      return "WARN ";
    case Severity::kError:
      break;
  }
  return "FAIL ";
}

const char* colour_of(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "\033[32m";
    case Severity::kNote:
      return "\033[36m";
    case Severity::kWarning:
      return "\033[33m";
    case Severity::kError:
      break;
  }
  return "\033[31;1m";
}

std::string count_text(const std::vector<Finding>& findings) {
  const auto count = [&](Severity severity) { return std::ranges::count(findings, severity, &Finding::severity); };
  std::string text = fmt::format("{} checks: {} fine", findings.size(), count(Severity::kOk));
  if (const auto notes = count(Severity::kNote)) text += fmt::format(", {} note{}", notes, notes == 1 ? "" : "s");
  if (const auto some = count(Severity::kWarning)) text += fmt::format(", {} warning{}", some, some == 1 ? "" : "s");
  if (const auto some = count(Severity::kError)) text += fmt::format(", {} error{}", some, some == 1 ? "" : "s");
  return text + '\n';
}

}  // namespace

const char* to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      break;
  }
  return "error";
}

bool is_anything_wrong(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings, [](const Finding& finding) { return finding.severity >= Severity::kWarning; });
}

std::string findings_text(const std::vector<Finding>& findings, bool with_colours) {
  auto sorted = findings;
  std::ranges::stable_sort(sorted, std::greater(), &Finding::severity);
  std::string text;
  for (const auto& finding : sorted) {
    const std::string mark = mark_of(finding.severity);
    text += with_colours ? colour_of(finding.severity) + mark + "\033[0m" : mark;
    text += fmt::format(" {:<{}} {}\n", finding.title, kTitleWidth, finding.found);
    if (!finding.cost.empty()) text += fmt::format("      costs  {}\n", finding.cost);
    if (!finding.fix.empty()) text += fmt::format("      fix    {}\n", finding.fix);
  }
  return text + '\n' + count_text(findings);
}

nlohmann::json findings_json(const std::vector<Finding>& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& finding : findings) {
    list.push_back({{"id", finding.id},
                    {"title", finding.title},
                    {"severity", to_string(finding.severity)},
                    {"found", finding.found},
                    {"cost", finding.cost},
                    {"fix", finding.fix}});
  }
  return {{"ok", !is_anything_wrong(findings)}, {"findings", list}};
}

}  // namespace trireme::launcher

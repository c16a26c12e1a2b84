#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace trireme::launcher {

enum class Severity {
  kOk,
  kNote,     // worth knowing; nothing is wrong
  kWarning,  // works, and is slower or more fragile than it could be
  kError,    // a run will fail, or not use what the machine has
};
[[nodiscard]] const char* to_string(Severity severity) noexcept;  // "ok", "note", "warning", "error"

// The result of one check, in words.
struct Finding {
  std::string id;     // "accelerated-networking", stable for scripts
  std::string title;  // "accelerated networking"
  Severity severity = Severity::kOk;
  std::string found;
  std::string cost{};  // of leaving it so; empty when nothing is wrong
  std::string fix{};
  friend bool operator==(const Finding&, const Finding&) = default;
};

// True when there is a warning or an error.
[[nodiscard]] bool is_anything_wrong(const std::vector<Finding>& findings);
// What is wrong first; then notes; what is fine last, a line each.
[[nodiscard]] std::string findings_text(const std::vector<Finding>& findings, bool with_colours);
// {ok, findings: [{id, title, severity, found, cost, fix}]}
[[nodiscard]] nlohmann::json findings_json(const std::vector<Finding>& findings);

}  // namespace trireme::launcher

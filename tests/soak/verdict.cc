#include "verdict.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "trireme/base/message.h"

namespace trireme::soak {

namespace {

constexpr double kDeathMs = 2000;  // promised: from a rank's death to every survivor's error
constexpr double kSlackMs = 2000;  // behind a timeout, for machines that are busy

// "failed KIND TIME TEXT"
struct FailedLine {
  std::string kind;
  std::int64_t time = 0;
  std::string text;
};

std::optional<FailedLine> find_failed(const std::string& report) {
  std::istringstream lines(report);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("failed ")) continue;
    std::istringstream words(line.substr(7));
    FailedLine failed;
    words >> failed.kind >> failed.time;
    std::getline(words, failed.text);
    return failed;
  }
  return std::nullopt;
}

bool has_line(const std::string& report, const std::string& beginning) {
  return report.starts_with(beginning) || report.find('\n' + beginning) != std::string::npos;
}

std::string expected_kind(const Plan& plan) {
  if (is_kill(plan.injection)) return message("lost{}", plan.victim);
  return is_hang(plan.injection) ? "timeout" : "mismatch";
}

// The part of a signature's text that tells two sides apart.
std::string side_of(const Call& call) {
  const auto shape = message("of {} {}", call.count, collectives::to_string(call.dtype));
  return call.kind == CallKind::kAllReduce ? message("{}, {}", shape, collectives::to_string(call.op))
                                           : message("{}, root {}", shape, call.root);
}

// "missing rank 1 rank 3." names rank 3
bool names_missing(const std::string& text, int rank) {
  const auto begin = text.find("missing rank ");
  if (begin == std::string::npos) return false;
  const auto list = text.substr(begin, text.find('.', begin) - begin) + ' ';
  return list.find(message(" rank {} ", rank)) != std::string::npos;
}

// Also by its number in a half, by which operations there call it, and what such a rank tells the others.
bool names_missing_victim(const Plan& plan, const std::string& text) {
  const auto half = message("/{} of ", (plan.ranks + 1 - plan.victim % 2) / 2);
  return names_missing(text, plan.victim) ||
         (text.find(half) != std::string::npos && names_missing(text, plan.victim / 2));
}

std::optional<std::string> wrong_text(const Plan& plan, const std::string& text) {
  if (is_kill(plan.injection) && text.find(message("rank {} on node node is lost", plan.victim)) == std::string::npos) {
    return "does not name the lost rank";
  }
  // Whoever's clock runs out first tells what it waits for, which may be a rank that waits for the victim.
  if (is_hang(plan.injection) && text.find("Where everyone stands") == std::string::npos) {
    return "does not say who is where";
  }
  if (!is_mismatch(plan.injection)) return std::nullopt;
  for (const auto& call : {plan.calls[plan.at], plan.instead}) {
    if (text.find(side_of(call)) == std::string::npos) return "does not show both sides: no '" + side_of(call) + "'";
  }
  return std::nullopt;
}

double latest_ms(const Plan& plan) {
  if (is_kill(plan.injection)) return kDeathMs;
  return static_cast<double>(plan.timeout.count()) + kSlackMs;
}

// What a survivor's report must say.
void judge_survivor(const Plan& plan, int rank, const std::string& report, std::int64_t injected_ns, Verdict& verdict) {
  const auto complain = [&](const std::string& what) { verdict.problems.push_back(message("rank {} {}", rank, what)); };
  const auto failed = find_failed(report);
  if (!failed) return complain("saw no error");
  // Aborted by a member of its half that failed first, with that one's text as the reason.
  const bool is_told = failed->kind == "communication" && failed->text.find(" aborted: ") != std::string::npos &&
                       std::ranges::any_of(plan.calls, &Call::on_half);
  if (failed->kind != expected_kind(plan) && !is_told) {
    complain(message("got '{}' instead of '{}':{}", failed->kind, expected_kind(plan), failed->text));
  } else if (const auto wrong = wrong_text(plan, failed->text)) {
    complain(message("got an error that {}:{}", *wrong, failed->text));
  }
  verdict.names_victim |= names_missing_victim(plan, failed->text);
  if (!has_line(report, "rebuilt")) complain("did not get into the new group");
  // A victim that the others gave up before it came to the injection: the machine was that busy.
  if (is_mismatch(plan.injection) || injected_ns == 0) return;
  const double took = static_cast<double>(failed->time - injected_ns) / 1e6;
  verdict.slowest_ms = std::max(verdict.slowest_ms, took);
  if (took > latest_ms(plan)) complain(message("saw the error {} ms late, {} are allowed", took, latest_ms(plan)));
}

void judge_end(const Plan& plan, int rank, const trireme::test::RankResult& result, Verdict& verdict) {
  const auto complain = [&](const std::string& what) { verdict.problems.push_back(message("rank {} {}", rank, what)); };
  const bool is_killed = rank == plan.victim && (is_kill(plan.injection) || plan.injection == Injection::kStopped);
  if (result.is_overdue) return complain("hangs");
  if (is_killed) return;
  if (result.signal) complain(message("was ended by signal {}", *result.signal));
  if (result.exit_code != 0) complain("failed");
  for (const char* bad : {"wrong", "left", "exception"}) {
    if (has_line(result.report, bad)) complain("reported: " + result.report.substr(result.report.find(bad)));
  }
}

}  // namespace

Verdict judge(const Plan& plan, const std::vector<trireme::test::RankResult>& results, std::int64_t injected_ns) {
  Verdict verdict;
  for (int rank = 0; rank < plan.ranks; ++rank) {
    const auto& result = results[static_cast<std::size_t>(rank)];
    judge_end(plan, rank, result, verdict);
    const bool is_victim = rank == plan.victim && !is_mismatch(plan.injection);
    if (!is_victim) judge_survivor(plan, rank, result.report, injected_ns, verdict);
    if (is_victim && plan.injection == Injection::kSilent && !find_failed(result.report)) {
      verdict.problems.push_back("the rank that came late saw no error");
    }
  }
  if (is_hang(plan.injection) && !verdict.names_victim) verdict.problems.push_back("no error names the missing rank");
  return verdict;
}

}  // namespace trireme::soak

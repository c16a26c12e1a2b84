#include "rank_program.h"

#include <sstream>
#include <stdexcept>

#include "driver_connection.h"
#include "measurement.h"

namespace trireme::bench {
namespace {

Request parse_request(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  std::string operation;
  std::string kind;
  Request request;
  words >> verb >> operation >> request.bytes >> kind >> request.budget_seconds >> request.minimum_samples;
  const auto known = parse_operation(operation);
  const bool is_kind_known = kind == "arena" || kind == "foreign";
  const bool are_samples_valid = request.minimum_samples >= 1 && request.minimum_samples <= kMaxSamples;
  if (!words || verb != "measure" || !known || !is_kind_known || !are_samples_valid) {
    throw std::invalid_argument("the driver's line is not understood: " + line);
  }
  request.operation = *known;
  request.kind = kind == "arena" ? BufferKind::kArena : BufferKind::kForeign;
  return request;
}

}  // namespace

std::string describe(const Measurement& measurement) {
  std::ostringstream text;
  text << "result " << measurement.median_us << ' ' << measurement.p90_us << ' ' << measurement.samples << ' '
       << measurement.wrong;
  return text.str();
}

int answer_driver(const std::string& socket, int rank, const std::function<std::string(const Request&)>& answer) {
  DriverConnection driver(socket);
  driver.write_line("hello " + std::to_string(rank));
  while (const auto line = driver.read_line()) {
    try {
      driver.write_line(answer(parse_request(*line)));
    } catch (const std::exception& error) {
      driver.write_line(std::string("error ") + error.what());
      return 1;
    }
  }
  return 0;
}

int serve(System& system, const RankOptions& options, int rank, int ranks) {
  StartLine line(options.page, rank, ranks);
  return answer_driver(options.socket, rank,
                       [&](const Request& request) { return describe(measure(system, line, rank, ranks, request)); });
}

}  // namespace trireme::bench

#include "exit_codes.h"

#include <cstdio>
#include <exception>
#include <string>

#include "trireme/base/error.h"
#include "trireme/base/rank_environment.h"

namespace trireme {
namespace {

// Empty on rank 0, whose line stands for all ranks when they fail alike.
std::string rank_prefix() {
  try {
    const RankEnvironment environment = read_rank_environment();
    return environment.rank == 0 ? "" : "rank " + std::to_string(environment.rank) + ": ";
  } catch (const Error&) {
    return "";
  }
}

int tell(std::string_view program, const char* what, int exit_code) {
  std::string line = rank_prefix() + what;
  line = line.substr(0, line.find('\n'));  // LibTorch appends a stack trace
  std::fprintf(stderr, "%.*s: error: %s\n", static_cast<int>(program.size()), program.data(), line.c_str());
  return exit_code;
}

}  // namespace

int report_failure(std::string_view program) {
  try {
    throw;
  } catch (const CommError& error) {
    return tell(program, error.what(), kExitPeerLost);
  } catch (const ConfigError& error) {
    return tell(program, error.what(), kExitBadInput);
  } catch (const DataError& error) {
    return tell(program, error.what(), kExitBadInput);
  } catch (const std::exception& error) {
    return tell(program, error.what(), kExitFailed);
  }
}

}  // namespace trireme

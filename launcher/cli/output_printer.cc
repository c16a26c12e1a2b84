#include "cli/output_printer.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>

namespace trireme::launcher {

namespace {

constexpr std::array<int, 6> kColours = {36, 32, 33, 35, 34, 31};

bool wants_colours(int descriptor) { return isatty(descriptor) == 1 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace

OutputPrinter::OutputPrinter()
    : colours_output_(wants_colours(STDOUT_FILENO)), colours_errors_(wants_colours(STDERR_FILENO)) {}

void OutputPrinter::print(const LogEntry& entry) const {
  std::ostream& stream = entry.is_error ? std::cerr : std::cout;
  if (entry.is_error ? colours_errors_ : colours_output_) {
    const int colour = kColours[static_cast<std::size_t>(entry.rank) % kColours.size()];
    stream << "\033[" << colour << "m[" << entry.rank << "]\033[0m " << entry.text << '\n';
  } else {
    stream << '[' << entry.rank << "] " << entry.text << '\n';
  }
  stream.flush();
}

}  // namespace trireme::launcher

#include <cstdio>
#include <exception>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"

// machine_tree NAME FOLDER: makes a machine of tests/topology/fixtures, to look at it with `launcher topo`.
int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fputs("usage: machine_tree NAME FOLDER\n", stderr);
    return 2;
  }
  trireme::test::make_machine_tree(trireme::test::machine_description(argv[1]), argv[2]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "machine_tree: error: %s\n", error.what());
  return 1;
}

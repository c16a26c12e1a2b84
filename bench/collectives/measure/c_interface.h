#pragma once

#include <cstdint>

// The measuring code for rank programs in Python, through ctypes.
extern "C" {

// Runs one operation: its index in enum Operation, the count of Extents, input, output. Returns 0, or 1 on an error.
using TriremeBenchRun = int (*)(int operation, std::int64_t count, float* input, float* output);

// As trireme::bench::serve, for a system whose operations are `run`. It never works in place where it has a choice.
int trireme_bench_serve(const char* socket, const char* page, int rank, int ranks, TriremeBenchRun run);
}

#pragma once

#include "fake_source.h"

namespace trireme::launcher {

// Fills `source` with what a cluster of four nodes looks like in the middle of its day: one run under way, finished,
// failed and waiting ones. `steps` of the run under way have been made.
void show_busy_cluster(FakeSource& source, int steps, int ranks = 4);
// One more step of the run under way, on every rank.
void make_step(FakeSource& source, int step);
// A cluster of which nothing is known yet but its name.
void show_empty_cluster(FakeSource& source);

}  // namespace trireme::launcher

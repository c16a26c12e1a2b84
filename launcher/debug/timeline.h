#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "debug/diagnosis.h"

namespace trireme::launcher {

// A drawing of the last operations before ranks parted, laid out from 0 (left) to 1 (right) but for the medium. Pure.
//
// Time runs linearly, unless the wait at the end is much longer than the operations before it: then it gets the last
// quarter, behind a break.
struct Timeline {
  struct Bar {
    double from = 0;
    double to = 0;
    bool is_unfinished = false;
    std::string kind;   // "all_reduce"
    std::string title;  // what, how long
  };
  struct Row {
    int rank = 0;
    std::string label;  // "rank 3 node1"
    std::string note;   // "no record"
    double end = 1;     // what came later is not known
    std::vector<Bar> bars;
  };
  std::vector<Row> rows;
  std::int64_t history_ns = 0;  // what the linear part shows
  std::int64_t wait_ns = 0;     // what is behind the break
  std::optional<double> break_at;
};

// The last `operations` a rank, by default what fits a terminal or a page.
[[nodiscard]] Timeline timeline_of(const std::vector<FlightRecord>& records, const Diagnosis& diagnosis,
                                   std::size_t operations = 24);

// One line a rank of `width` columns: "=" in an operation, "." outside, "!" in the unfinished one, "/" the break.
[[nodiscard]] std::string draw_text(const Timeline& timeline, std::size_t width = 72);
// A picture of its own, 960 pixels wide.
[[nodiscard]] std::string draw_svg(const Timeline& timeline, const std::string& title);

}  // namespace trireme::launcher
